"""The demonstration: a course folder of its own, a small class, and nbgrader's own commands on it."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from grader.assignment import load_assignment, load_mutants, load_variants
from grader.build import build
from grader.errors import CourseError
from grader.gradebook.segments import definitions
from grader.model import Assignment

COPIED = ("assignments", "solutions", "release", "nbgrader_config.py")
MARK = ".made-by-grader-demo"
MUTANTS = 4  # of the assignment, spread over its tasks


@dataclass(frozen=True, slots=True, kw_only=True)
class Pupil:
    """A student of the demo: what they hand in, and what there is to see."""

    name: str
    story: str
    files: dict[str, str | bytes]


def run_demo(console: Console, root: Path, name: str, into: Path) -> None:
    """Copy the course to `into`, release the assignment, hand in, grade, and show who got what and why.

    Raises: CourseError, if `into` holds something that no demo made, or a command fails.
    """
    course = _fresh(root, into)
    assignment = load_assignment(course, name)
    _step(console, "generated files are in step", lambda: _require_built(course, name))
    _step(console, f"nbgrader generate_assignment {name}", lambda: _nbgrader(course, "generate_assignment", name))
    pupils = list(a_class(assignment))
    for pupil in pupils:
        _hand_in(course / "submitted" / pupil.name / name, pupil)
    console.print(f"     {len(pupils)} students handed in: submitted/<student>/{name}/")
    _step(console, f"nbgrader autograde {name}", lambda: _nbgrader(course, "autograde", name))
    _step(console, f"nbgrader generate_feedback {name}", lambda: _nbgrader(course, "generate_feedback", name))
    _step(console, "nbgrader export", lambda: _nbgrader(course, "export", "--to=grades.csv"))
    _show(console, course, assignment, pupils)


def a_class(assignment: Assignment) -> Iterator[Pupil]:
    """The students of the demo."""
    module = assignment.modules[0]
    reference = assignment.reference(module).read_text(encoding="utf-8")
    stub = assignment.stub(module).read_text(encoding="utf-8")
    released = (assignment.release_dir / f"{assignment.notebook}.ipynb").read_text(encoding="utf-8")
    names = [name for task in assignment.tasks if task.module in ("", module) for name in task.covers]
    first, half = names[0], names[: len(names) // 2]

    def notebook(*sources: str, only: list[str] | None = None, copy: str = "") -> str:
        return _filled(released, names if only is None else only, *sources, copy=copy)

    yield Pupil(name="ada", story="the reference, as a notebook", files={f"{module}.ipynb": notebook(reference)})
    yield Pupil(name="ben", story="the notebook as it was released", files={f"{module}.ipynb": released})
    for pupil, variant in zip(("cleo", "dora", "emil"), load_variants(assignment), strict=False):
        yield Pupil(
            name=pupil, story=f"correct in another style: {variant.name}", files={f"{module}.py": variant.source}
        )
    mutants = load_mutants(assignment)
    for number, pupil in enumerate(("finn", "gwen", "hugo", "iris")[:MUTANTS]):
        mutant = mutants[(2 * number + 1) * len(mutants) // (2 * MUTANTS)]
        yield Pupil(name=pupil, story=f"one mistake: {mutant.name}", files={f"{mutant.module}.py": mutant.source})
    yield Pupil(
        name="jack", story="half done, as a notebook", files={f"{module}.ipynb": notebook(reference, only=half)}
    )
    yield Pupil(
        name="kate", story="a syntax error", files={f"{module}.py": reference.replace("    return ", "    retrun ", 1)}
    )
    yield Pupil(name="liam", story="renamed the file", files={f"{module}_final_v2.py": reference})
    yield Pupil(
        name="mona",
        story=f"an endless loop in {first}",
        files={f"{module}.py": _instead(stub, reference, first, "while True:\n        pass")},
    )
    yield Pupil(
        name="nils",
        story=f"os._exit(0) in {first}",
        files={f"{module}.py": _instead(stub, reference, first, "import os\n    os._exit(0)")},
    )
    yield Pupil(
        name="olga",
        story="a solution cell twice, one a draft",
        files={f"{module}.ipynb": notebook(reference, copy=first)},
    )
    yield Pupil(
        name="paul", story="a notebook cut off while uploading", files={f"{module}.ipynb": notebook(reference)[:3000]}
    )
    yield Pupil(
        name="quin",
        story="saved in Latin-1",
        files={f"{module}.py": ("# Lösung\n" + reference).encode("latin-1", "replace")},
    )
    yield Pupil(name="rosa", story="handed in a text file", files={"readme.txt": "I will hand in later."})


def _filled(released: str, names: list[str], source: str, *, copy: str = "") -> str:
    """The released notebook with the definitions of a module in its solution cells; `copy` stands twice."""
    notebook = json.loads(released)
    answers, _ = definitions(source, names)
    cells = []
    for cell in notebook["cells"]:
        grade_id = cell["metadata"].get("nbgrader", {}).get("grade_id")
        if grade_id == copy:
            cells.append(json.loads(json.dumps(cell)) | {"id": f"{copy}-copy"})
        if grade_id in answers:
            cell["source"] = answers[grade_id]
        cells.append(cell)
    notebook["cells"] = cells
    return json.dumps(notebook, indent=1)


def _instead(stub: str, reference: str, name: str, body: str) -> str:
    """The reference, but with another body for the function `name`."""
    header, _, _ = definitions(stub, [name])[0][name].partition("# YOUR CODE HERE")
    return f"{reference}\n\n{header.rstrip()}\n    {body}\n"


def _fresh(root: Path, into: Path) -> Path:
    if into.exists() and any(into.iterdir()) and not (into / MARK).exists():
        raise CourseError(f"{into} is not empty, and no demo made it. Name another folder with --into.")
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir(parents=True)
    (into / MARK).touch()
    for name in COPIED:
        source = root / name
        if source.is_dir():
            shutil.copytree(source, into / name, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        elif source.is_file():
            shutil.copy(source, into / name)
        else:
            raise CourseError(f"{source} is missing; the demo needs a whole course folder.")
    return into.resolve()


def _require_built(course: Path, name: str) -> None:
    if lines := build(course, [name], check=True):
        raise CourseError("\n".join(["Generated files are out of step. Make them: grader build", *lines]))


def _nbgrader(course: Path, *arguments: str) -> None:
    log = course / f"nbgrader-{arguments[0]}.log"
    with log.open("w") as out:
        done = subprocess.run(
            [sys.executable, "-m", "nbgrader", *arguments],
            cwd=course,
            stdout=out,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        raise CourseError(f"nbgrader {' '.join(arguments)} failed (all of its output: {log}):\n{tail}")


def _step(console: Console, what: str, action: object) -> None:
    began = time.monotonic()
    with console.status(what):
        action()  # type: ignore[operator]
    console.print(f"[green]ok[/]   {what} [dim]{time.monotonic() - began:.0f} s[/]", highlight=False)


def _hand_in(folder: Path, pupil: Pupil) -> None:
    folder.mkdir(parents=True)
    for name, content in pupil.files.items():
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)


def _show(console: Console, course: Path, assignment: Assignment, pupils: list[Pupil]) -> None:
    with (course / "grades.csv").open(newline="") as file:
        scores = {row["student_id"]: float(row["raw_score"] or 0) for row in csv.DictReader(file)}
    total = sum(task.points for task in assignment.tasks)
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("student")
    table.add_column("handed in")
    table.add_column(f"of {total:g}", justify="right")
    table.add_column("why", overflow="ellipsis", no_wrap=True)
    for pupil in pupils:
        table.add_row(pupil.name, pupil.story, f"{scores.get(pupil.name, 0):.4g}", _why(course, assignment, pupil.name))
    console.print()
    console.print(table)
    console.print(
        f"\nAutomatic points; plots and written answers wait for a person. In [bold]{course}[/]:\n"
        f"  grades.csv                      all scores, by nbgrader export\n"
        f"  feedback/<student>/{assignment.name}/*.html     what each student reads\n"
        f"  jupyter lab                     formgrader: grade the plots and answers by hand",
        highlight=False,
    )


def _why(course: Path, assignment: Assignment, student: str) -> str:
    """The first thing that cost points, as the graded notebook says it."""
    path = course / "autograded" / student / assignment.name / f"{assignment.notebook}.ipynb"
    if not path.is_file():
        return "not graded"
    lost: list[str] = []
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        for output in cell.get("outputs", ()):
            text = "".join(output.get("data", {}).get("text/plain", ""))
            lines = [line.strip() for line in text.split("\n")]
            bad = [number for number, line in enumerate(lines) if line.startswith("✗")]
            if bad:
                lost.append(lines[bad[0] + 1] if bad[0] + 1 < len(lines) else lines[bad[0]])
            elif any(line.startswith("–") for line in lines):
                lost.append("not started")
    if not lost:
        return ""
    rest = len(lost) - 1
    return lost[0] + (f" (+{rest} more tasks)" if rest else "")
