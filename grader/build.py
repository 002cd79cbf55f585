"""Everything that is made from the one source of an assignment, and whether what lies on the disk is in step with it.

solutions/hw1/linear_classifiers.py  ─┬─ stub ──────────── assignments/hw1/linear_classifiers.py
solutions/hw1/experiments.py ─────────┼─ stub ──────────── assignments/hw1/experiments.py
                                      └─ source notebook ─ solutions/hw1/linear_classifiers.ipynb
                                                           └─ nbgrader ─ release/hw1/linear_classifiers.ipynb
assignments/hw1/README.md, test_linear_classifiers.py ── copied ──────── release/hw1/
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from grader.assignment import experiments, load_assignment
from grader.errors import CourseError
from grader.model import Assignment
from grader.nbsource import source_notebook
from grader.problems import Problems
from grader.release import release_notebooks
from grader.source import read, stub


def build(root: Path, names: Iterable[str], *, check: bool = False) -> list[str]:
    """Bring all made files of these assignments in step; with `check` only look. Nothing is written before all is made.

    Returns: a line for each file that was not in step: its path below `root` and why. An empty list: all were.
    Raises: CourseError, SourceError.
    """
    files: dict[Path, str] = {}
    stale: list[Path] = []
    for name in names:
        assignment = load_assignment(root, name)
        made = made_files(assignment)
        files |= made
        stale += stale_files(assignment, made)
    changed = {path: why for path, text in files.items() if (why := _difference(path, text))}
    if not check:
        for path in changed:
            write(path, files[path])
        for path in stale:
            path.unlink()
    lines = [f"{path.relative_to(root)}: {why}" for path, why in changed.items()]
    return lines + [f"{path.relative_to(root)}: made from nothing that is still there" for path in stale]


def made_files(assignment: Assignment) -> dict[Path, str]:
    """Path → text of every file that is made for an assignment; the same on every machine and in every run."""
    written = [experiments(assignment)] if experiments(assignment).exists() else []
    sources = [*(assignment.reference(module) for module in assignment.modules), *written]
    travelling = travelling_files(assignment)
    with Problems() as problems:
        texts = {path: read(path, problems) for path in (*sources, *travelling)}
    notebooks = {f"{module}.ipynb": source_notebook(assignment, module) for module in assignment.modules}
    made = {assignment.student_dir / path.name: stub(texts[path], path=path) for path in sources}
    made |= {assignment.solution_dir / name: text for name, text in notebooks.items()}
    made |= {assignment.release_dir / name: text for name, text in release_notebooks(notebooks).items()}
    made |= {assignment.release_dir / path.name: texts[path] for path in travelling}
    return made


def travelling_files(assignment: Assignment) -> tuple[Path, ...]:
    """What a student gets beside the notebook, copied as it is. Nothing else travels."""
    return (assignment.student_dir / "README.md", *(assignment.public_checks(module) for module in assignment.modules))


def stale_files(assignment: Assignment, made: Iterable[Path]) -> list[Path]:
    """What lies in the release folder and is not made any more.

    Raises: CourseError for a notebook in the folder of the solutions: nbgrader would take it for one of the
    assignment's, and it may be someone's work, so nobody but a person removes it.
    """
    kept = set(made)
    notebooks = [path for path in sorted(assignment.solution_dir.glob("*.ipynb")) if path not in kept]
    if notebooks:
        found = "\n".join(f"{path}: made from no module of {assignment.name}; move or delete it" for path in notebooks)
        raise CourseError(found)
    return [
        path
        for path in sorted(assignment.release_dir.rglob("*"))
        if path.is_file() and path not in kept and not _hidden(path)
    ]


def write(path: Path, text: str) -> None:
    """Replace a file by another in one step: whoever reads it sees the old or the new one, whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        beside.write_text(text, encoding="utf-8", newline="\n")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _difference(path: Path, text: str) -> str | None:
    """Why a file is not in step; None if it is. Ends of lines are free: git may write \\r\\n on Windows."""
    try:
        return None if path.read_text(encoding="utf-8") == text else "differs from its source"
    except FileNotFoundError:
        return "missing"
    except UnicodeDecodeError:
        return "differs from its source"


def _hidden(path: Path) -> bool:
    """Caches and checkpoints, which are nobody's work."""
    return any(part.startswith(".") or part == "__pycache__" for part in path.parts[-2:])
