"""Every command of the README is run: here in the order in which a course would, or by the test named beside it."""

from __future__ import annotations

import csv
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from grader.demo import COPIED

ROOT = Path(__file__).parent.parent
ELSEWHERE = {
    "make demo": "the same command, grader demo, on a small course: tests/test_demo.py",
    "make test": "what is running now",
    "make lint": ".ci/run",
    "make validate": "what it proves: tests/test_course.py",
    "grader validate hw1": "what it proves: tests/test_course.py; the command itself: tests/test_cli.py",
    "make bench": "tests/test_bench.py",
    "make fuzz": "tests/test_fuzz.py",
    "dask scheduler": "a scheduler and workers of their own: tests/test_batch_cluster.py",
    "dask worker tcp://HOST:8786 --nworkers 8 --nthreads 1": "the same",
    "grader grade hw1 submitted --scheduler tcp://HOST:8786": "the same, and tests/test_cli.py",
    "pip install -c constraints.txt .": "the Makefile's own environment, in which all of this runs",
}
CLASS = [
    ("instructor", "nbgrader generate_assignment hw1"),
    ("instructor", "nbgrader release_assignment hw1"),
    ("instructor", "nbgrader list"),
    ("student", "nbgrader list --course deep-learning"),
    ("student", "nbgrader fetch_assignment hw1"),
    ("student", "nbgrader validate hw1/linear_classifiers.ipynb"),
    ("student", "nbgrader submit hw1"),
    ("instructor", "nbgrader collect hw1"),
    ("instructor", "nbgrader autograde hw1"),
    ("instructor", "nbgrader generate_feedback hw1"),
    ("instructor", "nbgrader release_feedback hw1"),
    ("student", "nbgrader fetch_feedback hw1"),
    ("instructor", "nbgrader export --to=grades.csv"),
]
DESK = [
    ("pytest assignments/hw1", 0),  # nothing is started, and nothing failed
    ("pytest assignments/hw1 -k softmax", 0),
    ("pytest assignments/hw1 --submission path/to/linear_classifiers.ipynb", 0),
    ("grader build", 0),
    ("grader build --check", 0),
    ("grader grade hw1 submitted/ada/hw1", 0),
    ("grader grade hw1 submitted", 0),
    ("grader grade hw1 submitted --changed", 0),
    ("grader grade hw1 submitted --jobs 4 --out somewhere/else", 0),
    ("grader doctor", 0),
]


def commands() -> list[str]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    return [line for block in blocks for line in block.splitlines() if line.strip()]


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the course, as on a fresh clone."""
    root = tmp_path_factory.mktemp("course") / "course"
    root.mkdir()
    for name in (*COPIED, "pyproject.toml"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, root / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, root / name)
    return root


def run(command: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "GRADER_"))}
    clean["GRADER_CACHE"] = os.environ["GRADER_CACHE"]
    return subprocess.run(
        command.split(),
        cwd=folder,
        env=clean | {"PATH": path} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_no_command_of_the_readme_is_untested() -> None:
    tested = {*ELSEWHERE, *(command for _, command in CLASS), *(command for command, _ in DESK)}
    assert set(commands()) == tested


def test_a_class_goes_from_release_to_feedback_by_the_commands_of_the_readme(course: Path, tmp_path: Path) -> None:
    exchange, student = tmp_path / "exchange", tmp_path / "student"
    exchange.mkdir(mode=0o777)
    exchange.chmod(0o777)
    student.mkdir()
    settings = tmp_path / "jupyter"
    settings.mkdir()
    (settings / "nbgrader_config.py").write_text(
        f"c = get_config()\nc.CourseDirectory.course_id = 'deep-learning'\nc.Exchange.root = {str(exchange)!r}\n"
    )
    for who, command in CLASS:
        folder = course if who == "instructor" else student
        environment = {"JUPYTER_CONFIG_DIR": str(settings)} if who == "student" else {"GRADER_EXCHANGE": str(exchange)}
        done = run(command, folder, **environment)
        assert done.returncode == 0, f"{who}: {command}\n{done.stdout}\n{done.stderr}"
        if command.startswith("nbgrader validate"):
            assert "VALIDATION FAILED ON" in done.stdout
            assert "not started" in done.stdout
    with (course / "grades.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert float(row["raw_score"]) == 0.0
    assert float(row["max_score"]) == 100.0
    (page,) = (student / "hw1" / "feedback").rglob("*.html")
    assert "not started" in page.read_text(encoding="utf-8")


def test_the_commands_for_desk_and_author_do_what_the_readme_says(course: Path) -> None:
    (course / "path/to").mkdir(parents=True)
    shutil.copy(course / "solutions/hw1/linear_classifiers.ipynb", course / "path/to")
    for name in ("ada", "ben"):
        (course / f"submitted/{name}/hw1").mkdir(parents=True, exist_ok=True)
        shutil.copy(course / "solutions/hw1/linear_classifiers.py", course / f"submitted/{name}/hw1")
    for command, status in DESK:
        done = run(command, course)
        assert done.returncode == status, f"{command}\n{done.stdout}\n{done.stderr}"
        if command.startswith("pytest"):
            full = "--submission" in command
            assert bool(re.search(r"^total +75 / *75$", done.stdout, re.MULTILINE)) == full, done.stdout
    for folder in ("graded/hw1", "somewhere/else"):
        assert "ada,hw1,75,75" in (course / folder / "scores.csv").read_text()
