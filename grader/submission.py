"""Reads what a student handed in: a .py file, a notebook, or a folder or zip that holds one of them. Runs nothing.

From a notebook the grader takes, in this order of the cells: the solution cells and the given code; and of the cells
that the student added, imports, functions, classes and assignments without calls. Experiments, checks and everything
else that would run are left out, so a notebook and a .py file with the same functions are the same submission.
"""

from __future__ import annotations

import ast
import codecs
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from grader.errors import SubmissionError
from grader.files import FILE_BYTES, Files, Folder, is_regular, is_work, read_file
from grader.ingest import opened
from grader.ipynb import RawCell, grade_id_of, load, mark_of, source_of, tags_of, tidy
from grader.model import Assignment, Cell, Submission
from grader.text import plain

CODE_BYTES = 200_000  # of a .py file, or of all code in a notebook; what Python needs to read it grows with it
DOTS = 200  # in one import
MAGIC = re.compile(r"^\s*[%!]")
KEPT = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign)


def read_submission(path: Path | Files, assignment: Assignment, student: str = "") -> Submission:
    """Read the modules of an assignment from a file, a folder, a zip, or the files that were found in one.

    Raises:
        SubmissionError: none of the modules can be read; says what to do.
    """
    files = opened(path) if isinstance(path, Path) else path
    modules: dict[str, tuple[Cell, ...]] = {}
    unread: dict[str, str] = {}
    notes = list(files.notes)
    for module in assignment.modules:
        try:
            name, said = choose(files, module, assignment.modules)
            modules[module] = cells_of(files.read(name, limit_of(name)), name)
            notes += said
        except SubmissionError as error:
            unread[module] = str(error)
    if not modules:
        raise SubmissionError("\n".join(unread.values()))
    return Submission(
        student=student,
        assignment=assignment.name,
        modules=modules,
        unread=unread,
        notes=(*notes, *unread.values()),
    )


def choose(files: Files, module: str, modules: Sequence[str] = ()) -> tuple[str, tuple[str, ...]]:
    """The file that holds a module, and what there is to say about the choice.

    That is `<module>.ipynb` or `<module>.py`. With both, the notebook counts, unless nothing was written in it and
    something in the .py. With neither, a single file of another name is taken for it, unless that name is one of
    `modules`.
    """
    names = files.names()
    named, others = _candidates(names, module, modules)
    if len(named) == 2:
        return _of_both(files, *named)
    if named:
        return named[0], ()
    for name in others[:1]:
        kept = f"{module}{Path(name).suffix}"
        return name, (f"{plain(name)} was taken for {kept}. Please keep the name that was given.",)
    held = ", ".join(plain(name, 60) for name in (_work(names) or names)[:8]) or "nothing that can be graded"
    raise SubmissionError(f"Neither {module}.ipynb nor {module}.py was handed in (found: {held}).")


def needed(names: Iterable[str], modules: Iterable[str]) -> tuple[str, ...]:
    """Of the files that were handed in, those that reading the modules may open."""
    names, modules = tuple(names), tuple(modules)
    found = [_candidates(names, module, modules) for module in modules]
    return tuple(dict.fromkeys(name for named, others in found for name in named or others[:1]))


def limit_of(name: str) -> int:
    """Bytes that a file may have: a notebook holds pictures, a .py file does not."""
    return FILE_BYTES if name.endswith(".ipynb") else CODE_BYTES


def find(path: Path, module: str) -> tuple[Path, tuple[str, ...]]:
    """The same at a desk: the file of a module in a folder, or the file itself, whatever its name."""
    if path.is_dir():
        name, notes = choose(Folder(path.resolve()), module)
        return path / name, notes
    if not is_regular(path):
        raise SubmissionError(f"There is no file {plain(str(path))}.")
    return path, ()


def read_cells(path: Path) -> tuple[Cell, ...]:
    """The code of a .py file (one cell) or of a notebook."""
    return cells_of(read_file(path, limit_of(path.name)), path.name)


def cells_of(data: bytes, name: str) -> tuple[Cell, ...]:
    """The same, of what stands in the file."""
    if not data.removeprefix(codecs.BOM_UTF8).strip():
        raise SubmissionError(f"{plain(name)} is empty.")
    if name.endswith(".ipynb"):
        return tuple(notebook_cells(data, name))
    return (Cell(filename=plain(name), source=tidy(_text(data, name))),)


def notebook_cells(data: bytes, name: str) -> Iterator[Cell]:
    """The code that counts of a notebook.

    Where the same solution cell stands twice, the last that was worked on counts.
    """
    cells = [(cell, source_of(cell)) for cell in load(data, name)]
    if sum(len(source) for cell, source in cells if cell.get("cell_type") == "code") > CODE_BYTES:
        raise SubmissionError(f"{plain(name)} holds more than {CODE_BYTES:,} characters of code.")
    chosen = _solutions(cells)
    for number, (cell, source) in enumerate(cells, start=1):
        if cell.get("cell_type") != "code" or not source.strip() or "experiment" in tags_of(cell):
            continue
        mark, grade_id = mark_of(cell), grade_id_of(cell)
        if not grade_id:
            yield from _definitions(source, f"cell {number}")
        elif mark.get("grade") or grade_id == "setup":
            continue
        elif not mark.get("solution"):
            yield Cell(filename=f"cell {number}", source=without_magics(source))
        elif chosen[grade_id] == number:
            yield Cell(filename=f"cell {plain(grade_id, 60)}", source=without_magics(source))


def parse(source: str) -> list[ast.stmt] | None:
    """The statements of submitted code, None where Python cannot or should not read it.

    Python's parser keeps every prefix of a dotted import: `import a.a.a...` of 200 kB takes gigabytes.
    """
    lines = source.replace("\\\n", "").split("\n")
    if len(source) > CODE_BYTES or any(line.count(".") > DOTS and "import" in line for line in lines):
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they quote the source, and concern nobody here
        try:
            return ast.parse(source).body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


def without_magics(source: str) -> str:
    """IPython's own lines (%magic, !shell) as comments; line numbers stay."""
    return "\n".join(f"# {line.lstrip()}" if MAGIC.match(line) else line for line in source.split("\n"))


def started(cells: tuple[Cell, ...]) -> int:
    """How many functions and methods of this code are more than a stub."""
    return sum(_started(cell.source) for cell in cells)


def _started(source: str) -> int:
    body = parse(source)
    if body is None:
        return 1  # somebody wrote something
    nodes = (node for statement in body for node in ast.walk(statement))
    return sum(isinstance(node, ast.FunctionDef) and not _is_stub(node) for node in nodes)


def _is_stub(function: ast.FunctionDef) -> bool:
    match function.body[-1]:
        case ast.Raise(exc=ast.Name(id=name) | ast.Call(func=ast.Name(id=name))):
            return name == "NotImplementedError"
    return False


def _of_both(files: Files, notebook: str, module: str) -> tuple[str, tuple[str, ...]]:
    try:
        in_notebook = started(cells_of(files.read(notebook), notebook))
    except SubmissionError as error:
        return module, (f"{module} was graded, because the notebook cannot be read: {error}",)
    if not in_notebook and started(cells_of(files.read(module, CODE_BYTES), module)):
        return module, (f"{module} was graded: nothing was written in the notebook beside it.",)
    note = f"{notebook} was graded, not {module} beside it: where there are both, the notebook counts."
    return notebook, (note,)


def _work(names: Iterable[str]) -> list[str]:
    return [name for name in names if is_work(name)]


def _candidates(names: Sequence[str], module: str, modules: Sequence[str]) -> tuple[list[str], list[str]]:
    """The files of a module's own name; and those of a name that is no module's, which would be taken for it."""
    named = [name for name in (f"{module}.ipynb", f"{module}.py") if name in names]
    free = [name for name in _work(names) if name.rpartition(".")[0] not in modules]
    of_kind = [[name for name in free if name.endswith(ending)] for ending in (".ipynb", ".py")]
    return named, [same[0] for same in of_kind if len(same) == 1]


def _text(data: bytes, name: str) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise SubmissionError(
            f"{plain(name)} is not UTF-8 (byte 0x{data[error.start]:02x} in line {line}). "
            "Save it as UTF-8 and hand it in again."
        ) from None
    if "\0" in text:
        raise SubmissionError(f"{plain(name)} is no text: it holds NUL characters. Save it as UTF-8.")
    return text


def _solutions(cells: list[tuple[RawCell, str]]) -> dict[str, int]:
    """For each solution cell's grade_id the number of the cell that counts."""
    chosen: dict[str, int] = {}
    worked: set[str] = set()
    for number, (cell, source) in enumerate(cells, start=1):
        grade_id = grade_id_of(cell)
        if not grade_id:
            continue
        if source.strip() and _started(without_magics(source)):
            worked.add(grade_id)
            chosen[grade_id] = number
        elif grade_id not in worked:
            chosen[grade_id] = number
    return chosen


def _definitions(source: str, filename: str) -> Iterator[Cell]:
    """Of a cell that a student added: what defines something, each statement on its own line number."""
    source = without_magics(source)
    body = parse(source)
    if body is None:
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
