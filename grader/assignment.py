"""A course folder, and what it says about its assignments. Nothing is imported or run to read it."""

from __future__ import annotations

import difflib
import math
import re
import tomllib
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from pathlib import Path

from grader.errors import CourseError
from grader.model import Assignment, Check, Limits, Mutant, Task, Variant
from grader.mutants import read_mutants, read_variants
from grader.problems import Problems
from grader.tasks import read_manual, read_module

TOTAL_POINTS = 100.0
SETTINGS = "assignment.toml"


def find_course(start: Path) -> Path:
    """The nearest folder at or above `start` that holds assignments/ and solutions/."""
    start = start.resolve()
    for folder in (start, *start.parents):
        if (folder / "assignments").is_dir() and (folder / "solutions").is_dir():
            return folder
    raise CourseError(f"{start} is in no course: neither it nor a folder above it holds assignments/ and solutions/")


def assignment_names(root: Path) -> tuple[str, ...]:
    """The names of all assignments, hw2 before hw10."""
    names = [file.parent.name for file in (root / "solutions").glob(f"*/{SETTINGS}")]
    return tuple(
        sorted(names, key=lambda name: [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)])
    )


def load_assignment(root: Path, name: str) -> Assignment:
    """One assignment with its tasks.

    Raises: CourseError for the folder and its settings; SourceError, all at once, for sources and check files.
    """
    return _load(root, name)[0]


def checks(assignment: Assignment) -> tuple[Check, ...]:
    """The checks of an assignment: module by module, public ones first."""
    files = [path for folder in (assignment.student_dir, assignment.solution_dir) for path in sorted(folder.iterdir())]
    stamps = tuple((path.name, path.stat().st_mtime_ns, path.stat().st_size) for path in files)
    return _checks(assignment.root, assignment.name, stamps)


@lru_cache(maxsize=8)
def _checks(root: Path, name: str, stamps: tuple[tuple[str, int, int], ...]) -> tuple[Check, ...]:
    """Read again when a file has changed: every submission asks."""
    return _load(root, name)[1]


def load_mutants(assignment: Assignment) -> tuple[Mutant, ...]:
    """The mistakes of solutions/<name>/mutants.toml (see `grader.mutants`); none without the file."""
    return read_mutants(assignment, checks(assignment))


def load_variants(assignment: Assignment) -> tuple[Variant, ...]:
    """The correct submissions of solutions/<name>/variants (see `grader.mutants`); none without the folder."""
    return read_variants(assignment)


def experiments(assignment: Assignment) -> Path:
    """The source of the experiments, which need not be there."""
    return assignment.solution_dir / "experiments.py"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Settings:
    title: str
    modules: tuple[str, ...]
    limits: Limits
    seed: str
    gpu: bool


def _load(root: Path, name: str) -> tuple[Assignment, tuple[Check, ...]]:
    path = root / "solutions" / name / SETTINGS
    if not path.is_file():
        known = assignment_names(root)
        close = difflib.get_close_matches(name, known, n=1)
        meant = f"; did you mean {close[0]!r}?" if close else f"; there are: {', '.join(known) or 'none'}"
        raise CourseError(f"no assignment {name!r}: {path} is missing{meant}")
    settings = _settings(path)
    assignment = Assignment(
        name=name,
        title=settings.title,
        root=root,
        modules=settings.modules,
        limits=settings.limits,
        seed=settings.seed,
        gpu=settings.gpu,
        tasks=(),
        manual=(),
    )
    _check_files(assignment)
    with Problems() as problems:
        return _read(assignment, problems)


def _read(assignment: Assignment, problems: Problems) -> tuple[Assignment, tuple[Check, ...]]:
    tasks: list[Task] = []
    found: list[Check] = []
    for module in assignment.modules:
        public = assignment.public_checks(module)
        new_tasks, new_checks = read_module(
            module,
            reference=assignment.reference(module),
            public=public,
            hidden=assignment.hidden_checks(module),
            problems=problems,
        )
        for kind, old, new in (("task", tasks, new_tasks), ("check", found, new_checks)):
            for twice in sorted({item.name for item in old} & {item.name for item in new}):
                problems.add(
                    f"another module has a {kind} {twice!r} too; names are unique in an assignment", path=public, line=1
                )
        tasks += new_tasks
        found += new_checks
    manual = read_manual(experiments(assignment), problems)
    taken = {task.name for task in tasks} | {name for task in tasks for name in task.covers}
    for name in sorted(taken & {task.name for task in manual}):
        problems.add(
            f"task {name!r} is the name of an automatic task or of a function", path=experiments(assignment), line=1
        )
    automatic, by_hand = sum(task.points for task in tasks), sum(task.points for task in manual)
    if not problems and not math.isclose(automatic + by_hand, TOTAL_POINTS):
        message = (
            f"an assignment is {TOTAL_POINTS:g} points; this one is {automatic:g} by checks and {by_hand:g} by hand"
        )
        problems.add(message, path=assignment.public_checks(assignment.modules[0]), line=1)
    return replace(assignment, tasks=tuple(tasks), manual=manual), tuple(found)


def _check_files(assignment: Assignment) -> None:
    """Every file that the modules need is there, and no check file is that nothing would run."""
    wanted = {
        file
        for module in assignment.modules
        for file in (assignment.reference(module), assignment.public_checks(module), assignment.hidden_checks(module))
    }
    missing = sorted(str(file) for file in wanted if not file.is_file())
    folders = (assignment.student_dir, assignment.solution_dir)
    strays = sorted(str(file) for folder in folders for file in folder.glob("test_*.py") if file not in wanted)
    if missing or strays:
        lines = [f"{file}: missing" for file in missing]
        lines += [f"{file}: belongs to no module of {SETTINGS}, so nothing would run it" for file in strays]
        raise CourseError("\n".join(lines))


def _settings(path: Path) -> _Settings:
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CourseError(f"{path}: not valid TOML: {error}") from None
    problems = [f"unknown key {key!r}" for key in values.keys() - {"title", "modules", "limits", "seed", "gpu"}]
    title, modules, limits = values.get("title"), values.get("modules"), values.get("limits", {})
    seed, gpu = values.get("seed"), values.get("gpu", False)
    if not isinstance(gpu, bool):
        problems.append("gpu: expected true or false, whether the checks take a GPU")
    if not isinstance(seed, str) or not seed:
        problems.append('expected seed = "...", any secret text: it decides the examples that grading uses')
    if not isinstance(title, str) or not title.strip():
        problems.append('expected title = "..."')
    if (
        not isinstance(modules, list)
        or not modules
        or not all(isinstance(name, str) and name.isidentifier() for name in modules)
    ):
        problems.append('expected modules = ["a_module", ...]')
    elif len(set(modules)) < len(modules):
        problems.append("modules: a name is there twice")
    known = [field.name for field in fields(Limits) if field.type == "float"]
    for key, value in limits.items() if isinstance(limits, dict) else [("limits", limits)]:
        if (
            key not in known
            or isinstance(value, bool)
            or not isinstance(value, int | float)
            or not 0 < value < math.inf
        ):
            problems.append(
                f"[limits] {key} = {value!r}: expected a number of seconds above 0 for one of {', '.join(known)}"
            )
    if problems:
        raise CourseError("\n".join(f"{path}: {problem}" for problem in sorted(problems)))
    return _Settings(
        title=str(title), modules=tuple(modules or ()), limits=Limits(**limits), seed=str(seed), gpu=bool(gpu)
    )
