"""The small course with a check that, told so by a submission, kills the process that grades it; and a small class."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from grader.assignment import load_assignment
from grader.batch.unit import Graded, Unit, pack
from grader.model import Assignment
from grader.version import ingredients, version_of
from tests.course import HIDDEN, REFERENCE, VARIANT, make_course, write

DEADLY = """

@pytest.mark.task("vectors")
def test_the_end_of_the_grader(hw):
    said = hw.doubled([1.0])[0]
    if said == 666.0 or (said == 667.0 and not LIVED.exists()):
        LIVED.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    assert said in (2.0, 667.0)
"""
ALWAYS = VARIANT.replace("return scale(v, 2.0)", "return [666.0]")  # ends each process that grades it
ONCE = VARIANT.replace("return scale(v, 2.0)", "return [667.0]")  # ends the first
CLASS = {
    "ada": REFERENCE,
    "bob": VARIANT,
    "cem": REFERENCE.replace("math.sqrt(sum(x * x for x in v))", "sum(x * x for x in v)"),
    "dan": "def norm(v):\n    return [red]\n",
    "eve": "import os\nos._exit(0)\n",
    "fay": "",
}


def deadly_course(root: Path) -> Assignment:
    """The course; `root` holds what it must remember, too."""
    head = f"import os\nimport signal\nfrom pathlib import Path\n\nimport pytest\n\nLIVED = Path({str(root / 'lived')!r})\n"
    hidden = HIDDEN.replace("import pytest\n", head) + DEADLY
    return load_assignment(make_course(root / "course", {"solutions/hw1/test_vectors_hidden.py": hidden}), "hw1")


def hand_in(folder: Path, submissions: dict[str, str]) -> Path:
    """Write submitted/<student>/hw1/vectors.py."""
    for student, source in submissions.items():
        write(folder / student / "hw1/vectors.py", source)
    return folder


def units_of(assignment: Assignment, folder: Path) -> list[Unit]:
    version = version_of(ingredients(assignment))
    return [
        Unit(version=version, student=path.name, handed=pack(path / assignment.name, assignment))
        for path in sorted(folder.iterdir())
    ]


def verdicts(graded: Graded) -> tuple[float, list[tuple[str, str, str]], tuple[str, ...]]:
    """All of a report but times."""
    results = [(result.check.name, result.status.value, result.message) for result in graded.report.results]
    return graded.report.score, results, graded.report.notes


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    """A disk of its own with so much room, at `folder`; skips the test where nobody may mount one."""
    if not hasattr(os, "geteuid") or os.geteuid():
        pytest.skip("mounting a small disk takes root")
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "grader-test", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this root must not mount a small disk")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def enlarge(folder: Path, size: str) -> None:
    subprocess.run(["mount", "-o", f"remount,size={size}", str(folder)], check=True)
