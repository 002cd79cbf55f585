"""The demonstration: a course folder of its own, a small class, and nbgrader's own commands on it."""

from __future__ import annotations

import contextlib
import csv
import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.text import Text

from grader.assignment import load_assignment, load_mutants, load_variants
from grader.build import build
from grader.errors import CourseError
from grader.gradebook.feedback import HINT
from grader.gradebook.segments import definitions
from grader.model import Assignment
from grader.report import make_table
from grader.sandbox.launch import current
from grader.sandbox.level import Level
from grader.source import is_marker
from grader.text import plain

COPIED = ("assignments", "solutions", "release", "nbgrader_config.py")
MARK = ".made-by-grader-demo"
MISTAKES = 4  # of the assignment's mutants, spread over its tasks
PLAIN_SECONDS = 15.0  # between two lines of progress where no terminal shows one that changes
STORY = 24  # characters of it, at least, however narrow the terminal
MESSAGE_INDENT = " " * 6  # of a check's message, in what a check cell shows
HIDDEN_TROUBLE = re.compile(r"hidden checks passed \(")
Progress = Callable[[str], None]  # is told how far a step has come


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
    _step(console, "generated files are in step", lambda _: _require_built(course, name))
    _command(console, course, "generate_assignment", name)
    pupils = list(a_class(assignment))
    for pupil in pupils:
        _hand_in(course / "submitted" / pupil.name / name, pupil)
    console.print(f"     {len(pupils)} students handed in: submitted/<student>/{name}/")
    level = current().level
    console.print(f"     sandbox: level {level.label}", highlight=False)
    accepted = ["--Autograde.accept_unsandboxed=True"] if level is Level.E else []  # this class is our own work
    _command(console, course, "autograde", name, *accepted, results=f"autograded/*/{name}/*.ipynb", of=len(pupils))
    _command(console, course, "generate_feedback", name, results=f"feedback/*/{name}/*.html", of=len(pupils))
    _command(console, course, "export", "--to=grades.csv")
    show_results(console, course, assignment, pupils)


def a_class(assignment: Assignment) -> Iterator[Pupil]:
    """The students of the demo. Of several modules ada hands in all, the others one: a class that is graded soon."""
    module = assignment.modules[0]
    reference = _unmarked(assignment.reference(module).read_text(encoding="utf-8"))
    stub = assignment.stub(module).read_text(encoding="utf-8")
    released = (assignment.release_dir / f"{assignment.notebook}.ipynb").read_text(encoding="utf-8")
    names = [name for task in assignment.tasks if task.module in ("", module) for name in task.covers]
    first, half = names[0], names[: len(names) // 2]

    def notebook(*sources: str, only: list[str] | None = None, copy: str = "") -> str:
        return _filled(released, names if only is None else only, *sources, copy=copy)

    yield Pupil(
        name="ada",
        story="the reference",
        files={f"{each}.ipynb": _solved(assignment, each) for each in assignment.modules},
    )
    yield Pupil(name="ben", story="nothing was written", files={f"{module}.ipynb": released})
    styles = [variant for variant in load_variants(assignment) if variant.module == module]
    for pupil, variant in zip(("cleo", "dora", "emil"), styles, strict=False):
        yield Pupil(
            name=pupil,
            story=f"another style: {variant.name}",
            files={f"{variant.module}.py": _unmarked(variant.source)},
        )
    mutants = load_mutants(assignment)
    shown = min(MISTAKES, len(mutants))
    for number, pupil in enumerate(("finn", "gwen", "hugo", "iris")[:shown]):
        mutant = mutants[(2 * number + 1) * len(mutants) // (2 * shown)]
        yield Pupil(
            name=pupil, story=f"mistake: {mutant.name}", files={f"{mutant.module}.py": _unmarked(mutant.source)}
        )
    yield Pupil(name="jack", story="half done", files={f"{module}.ipynb": notebook(reference, only=half)})
    yield Pupil(
        name="kate", story="a syntax error", files={f"{module}.py": reference.replace("    return ", "    retrun ", 1)}
    )
    yield Pupil(name="liam", story="renamed the file", files={f"{module}_final_v2.py": reference})
    yield Pupil(
        name="mona",
        story="an endless loop",
        files={f"{module}.py": _instead(stub, reference, first, "while True:\n        pass")},
    )
    yield Pupil(
        name="nils",
        story="os._exit(0)",
        files={f"{module}.py": _instead(stub, reference, first, "import os\n    os._exit(0)")},
    )
    yield Pupil(
        name="olga",
        story="a cell twice, one a draft",
        files={f"{module}.ipynb": notebook(reference, copy=first)},
    )
    yield Pupil(name="paul", story="cut off while uploading", files={f"{module}.ipynb": notebook(reference)[:3000]})
    yield Pupil(
        name="quin",
        story="saved in Latin-1",
        files={f"{module}.py": ("# Lösung\n" + reference).encode("latin-1", "replace")},
    )
    yield Pupil(name="rosa", story="only a text file", files={"readme.txt": "I will hand in later."})


def _unmarked(source: str) -> str:
    """A source as a student would have written it: without the marks of solution regions."""
    return "".join(line for line in source.splitlines(keepends=True) if not is_marker(line.rstrip("\n")))


def _solved(assignment: Assignment, module: str) -> str:
    """The instructor's notebook of a module, plots and written answers included."""
    text = (assignment.solution_dir / f"{module}.ipynb").read_text(encoding="utf-8")
    notebook = json.loads(text)
    for cell in notebook["cells"]:
        cell["source"] = _unmarked("".join(cell["source"]))
    return json.dumps(notebook, indent=1)


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


def _command(console: Console, course: Path, *arguments: str, results: str = "", of: int = 0) -> None:
    """Run an nbgrader command as a step that counts folders with what fits `results`, until there are `of` of them."""

    def made() -> str:
        return f"{len({path.parent for path in course.glob(results)})} of {of}" if results else ""

    _step(
        console,
        f"nbgrader {' '.join(arguments)}",
        lambda progress: _nbgrader(course, *arguments, meanwhile=lambda: progress(made())),
    )


def _nbgrader(course: Path, *arguments: str, meanwhile: Callable[[], None]) -> None:
    log = course / f"nbgrader-{arguments[0]}.log"
    command = [sys.executable, "-m", "nbgrader", *arguments]
    with (
        log.open("w") as out,
        subprocess.Popen(
            command, cwd=course, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT
        ) as process,
    ):
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=0.5)
                break
            meanwhile()
    if process.returncode:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        raise CourseError(f"nbgrader {' '.join(arguments)} failed (all of its output: {log}):\n{tail}")


def _step(console: Console, what: str, action: Callable[[Progress], None]) -> None:
    """Do something that takes a while, and show how far it has come."""
    began = said = time.monotonic()
    with console.status(what) as status:

        def progress(text: str) -> None:
            nonlocal said
            now = time.monotonic()
            line = f"{what} [dim]{text} {now - began:.0f} s[/]"
            if console.is_terminal:
                status.update(line)
            elif now - said >= PLAIN_SECONDS:
                said = now
                console.print(f"     {line}")

        action(progress)
    console.print(f"[green]ok[/]   {what} [dim]{time.monotonic() - began:.0f} s[/]", highlight=False)


def _hand_in(folder: Path, pupil: Pupil) -> None:
    folder.mkdir(parents=True)
    for name, content in pupil.files.items():
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)


def show_results(console: Console, course: Path, assignment: Assignment, pupils: Sequence[Pupil]) -> None:
    """Who got what and why, one line each, and where to look further."""
    with (course / "grades.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["assignment"] == assignment.name]
    scores = {row["student_id"]: float(row["raw_score"] or 0) for row in rows}
    points = f"of {sum(task.points for task in assignment.tasks):g}"
    table = make_table("student", points, "handed in", last="why", numbers=[points])
    for pupil in pupils:
        story = plain(pupil.story, max(STORY, console.width // 3))
        why = Text(plain(_why(course, assignment, pupil.name)))
        table.add_row(pupil.name, f"{scores.get(pupil.name, 0):.4g}", story, why)
    console.print()
    console.print(table)
    console.print(
        f"\nAutomatic points; plots and written answers wait for a person. In [bold]{escape(str(course))}[/]:"
    )
    for what, shows in (
        ("grades.csv", "all scores, by nbgrader export"),
        (f"feedback/<student>/{assignment.name}/*.html", "what each student reads"),
        ("jupyter lab", "formgrader: grade plots and answers by hand"),
    ):
        console.print(f"  {what:<32}{shows}", highlight=False)


def _why(course: Path, assignment: Assignment, student: str) -> str:
    """The first thing that cost points, as the graded notebooks say it."""
    folder = course / "autograded" / student / assignment.name
    paths = [path for module in assignment.modules if (path := folder / f"{module}.ipynb").is_file()]
    if not paths:
        return "not graded"
    cells = [cell for path in paths for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]]
    texts = [output.get("data", {}).get("text/plain", "") for cell in cells for output in cell.get("outputs", ())]
    lost = [reason for text in texts if (reason := _reason("".join(text).split("\n")))]
    rest = f"(+{len(lost) - 1}) " if len(lost) > 1 else ""  # first, since the end is what is cut off
    return rest + lost[0] if lost else "all checks passed"


def _reason(lines: list[str]) -> str:
    """Why a task did not earn all its points, in one line of what its check cell shows; empty if it did."""
    if hints := [line.strip() for line in lines if HINT in line]:
        return hints[0].removeprefix(HINT).strip()
    for line, after in pairwise([*lines, ""]):
        match line.strip()[:1]:
            case "✗":
                return after.strip() if after.startswith(MESSAGE_INDENT) else line.strip()
            case "–":
                return "not started"
            case "?":
                return line.strip()
    return next((line.strip() for line in lines if HIDDEN_TROUBLE.search(line)), "")
