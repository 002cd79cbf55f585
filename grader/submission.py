"""Reads what a student handed in: a .py file, a notebook, or a folder that holds one of them. Runs nothing.

From a notebook the grader takes, in this order of the cells: the solution cells and the given code; and of the cells
that the student added, imports, functions, classes and assignments without calls. Experiments, checks and everything
else that would run are left out, so a notebook and a .py file with the same functions are the same submission.
"""

from __future__ import annotations

import ast
import json
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from grader.errors import SubmissionError
from grader.model import Assignment, Cell, Submission
from grader.text import plain

MAX_BYTES = 50_000_000  # of a notebook with its pictures
MAGIC = re.compile(r"^\s*[%!]")
KEPT = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign)


def read_submission(path: Path, assignment: Assignment, student: str = "") -> Submission:
    """Read the modules of an assignment from a file or folder.

    Raises:
        SubmissionError: there is no such file, or it cannot be read; says what to do.
    """
    modules: dict[str, tuple[Cell, ...]] = {}
    notes: list[str] = []
    for module in assignment.modules:
        found, said = find(path, module)
        modules[module] = read_cells(found)
        notes += said
    return Submission(student=student, assignment=assignment.name, modules=modules, notes=tuple(notes))


def find(path: Path, module: str) -> tuple[Path, tuple[str, ...]]:
    """The file that holds a module, and what there is to say about the choice.

    In a folder that is `<module>.ipynb` or `<module>.py`. With both, the notebook counts, unless nothing was written
    in it and something in the .py. With neither, a single file of another name is taken for it.
    """
    if not path.is_dir():
        if not _regular(path):
            raise SubmissionError(f"There is no file {plain(str(path))}.")
        return path, ()
    named = [file for file in (path / f"{module}.ipynb", path / f"{module}.py") if _regular(file)]
    if len(named) == 2:
        return _choose(*named)
    if named:
        return named[0], ()
    others = [file for file in sorted(path.iterdir()) if _regular(file) and _may_be_renamed(file)]
    for ending in (".ipynb", ".py"):
        same = [file for file in others if file.suffix == ending]
        if len(same) == 1:
            name = plain(same[0].name)
            return same[0], (f"{name} was taken for {module}{ending}. Please keep the name that was given.",)
    held = ", ".join(plain(file.name, 60) for file in others[:8]) or "nothing that can be graded"
    raise SubmissionError(f"Neither {module}.ipynb nor {module}.py was handed in (found: {held}).")


def read_cells(path: Path) -> tuple[Cell, ...]:
    """The code of a .py file (one cell) or of a notebook."""
    text = _text(path)
    if path.suffix == ".ipynb":
        return tuple(notebook_cells(text, path.name))
    return (Cell(filename=path.name, source=text),)


def notebook_cells(text: str, name: str) -> Iterator[Cell]:
    """The code that counts of a notebook's text.

    Where the same solution cell stands twice, the last that was worked on counts.
    """
    cells = _load(text, name)
    chosen = _solutions(cells)
    for number, cell in enumerate(cells, start=1):
        source = _source(cell)
        if cell.get("cell_type") != "code" or not source.strip() or "experiment" in _tags(cell):
            continue
        mark = _mark(cell)
        grade_id = mark.get("grade_id")
        if not mark or not isinstance(grade_id, str):
            yield from _definitions(source, f"cell {number}")
        elif mark.get("grade") or grade_id == "setup":
            continue
        elif not mark.get("solution"):
            yield Cell(filename=f"cell {number}", source=without_magics(source))
        elif chosen[grade_id] == number:
            yield Cell(filename=f"cell {plain(grade_id, 60)}", source=without_magics(source))


def without_magics(source: str) -> str:
    """IPython's own lines (%magic, !shell) as comments; line numbers stay."""
    return "\n".join(f"# {line.lstrip()}" if MAGIC.match(line) else line for line in source.split("\n"))


def started(cells: tuple[Cell, ...]) -> int:
    """How many functions and methods of this code are more than a stub."""
    count = 0
    for cell in cells:
        try:
            tree = ast.parse(cell.source)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            count += 1  # somebody wrote something
            continue
        count += sum(isinstance(node, ast.FunctionDef) and not _is_stub(node) for node in ast.walk(tree))
    return count


def _is_stub(function: ast.FunctionDef) -> bool:
    last = function.body[-1]
    return (
        isinstance(last, ast.Raise) and last.exc is not None and ast.unparse(last.exc).startswith("NotImplementedError")
    )


def _choose(notebook: Path, module: Path) -> tuple[Path, tuple[str, ...]]:
    try:
        in_notebook = started(read_cells(notebook))
    except SubmissionError as error:
        return module, (f"{module.name} was graded, because the notebook cannot be read: {error}",)
    if not in_notebook and started(read_cells(module)):
        return module, (f"{module.name} was graded: nothing was written in the notebook beside it.",)
    return notebook, (
        f"{notebook.name} was graded, not {module.name} beside it: where there are both, the notebook counts.",
    )


def _may_be_renamed(path: Path) -> bool:
    return path.suffix in (".ipynb", ".py") and not path.name.startswith(("test_", "conftest", "experiments", "."))


def _regular(path: Path) -> bool:
    """Whether it is a file itself: no link to elsewhere, no pipe that never ends."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def _text(path: Path) -> str:
    if path.stat().st_size > MAX_BYTES:
        raise SubmissionError(f"{plain(path.name)} is larger than {MAX_BYTES // 1_000_000} MB.")
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise SubmissionError(
            f"{plain(path.name)} is not UTF-8 (byte 0x{error.object[error.start]:02x} in line {line}). "
            "Save it as UTF-8 and hand it in again."
        ) from None
    if not text.strip():
        raise SubmissionError(f"{plain(path.name)} is empty.")
    return text


def _load(text: str, name: str) -> list[dict[str, Any]]:
    try:
        notebook = json.loads(text)
    except (ValueError, RecursionError):
        raise SubmissionError(
            f"{plain(name)} is no notebook that can be read: its JSON is broken. "
            "Open it in Jupyter, save it, hand it in again."
        ) from None
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list) or not any(isinstance(cell, dict) for cell in cells):
        raise SubmissionError(f"{plain(name)} is a notebook without cells.")
    return [cell for cell in cells if isinstance(cell, dict)]


def _solutions(cells: list[dict[str, Any]]) -> dict[str, int]:
    """For each solution cell's grade_id the number of the cell that counts."""
    chosen: dict[str, int] = {}
    worked: set[str] = set()
    for number, cell in enumerate(cells, start=1):
        grade_id = _mark(cell).get("grade_id")
        if not isinstance(grade_id, str):
            continue
        source = _source(cell)
        if source.strip() and started((Cell(filename="", source=without_magics(source)),)):
            worked.add(grade_id)
            chosen[grade_id] = number
        elif grade_id not in worked:
            chosen[grade_id] = number
    return chosen


def _definitions(source: str, filename: str) -> Iterator[Cell]:
    """Of a cell that a student added: what defines something, each statement on its own line number."""
    source = without_magics(source)
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        yield Cell(filename=filename, source=source)  # its error is the student's to see
        return
    lines, kept = source.split("\n"), [""] * (source.count("\n") + 1)
    for statement in body:
        calls = isinstance(statement, ast.Assign | ast.AnnAssign) and any(
            isinstance(n, ast.Call) for n in ast.walk(statement)
        )
        if isinstance(statement, KEPT) and not calls:
            first = min([statement.lineno, *(d.lineno for d in getattr(statement, "decorator_list", []))])
            kept[first - 1 : statement.end_lineno] = lines[first - 1 : statement.end_lineno]
    if any(line.strip() for line in kept):
        yield Cell(filename=filename, source="\n".join(kept))


def _source(cell: dict[str, Any]) -> str:
    source = cell.get("source", "")
    if isinstance(source, list):
        source = "".join(part for part in source if isinstance(part, str))
    return source if isinstance(source, str) else ""


def _mark(cell: dict[str, Any]) -> dict[str, Any]:
    metadata = cell.get("metadata")
    mark = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    return mark if isinstance(mark, dict) else {}


def _tags(cell: dict[str, Any]) -> list[Any]:
    metadata = cell.get("metadata")
    tags = metadata.get("tags") if isinstance(metadata, dict) else None
    return tags if isinstance(tags, list) else []
