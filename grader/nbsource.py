"""The instructor's notebook: nbgrader's source, made from a module, its tasks and the experiments.

One notebook for each module; the experiments close that of the first. Its cells, in order:

    setup               locked     imports `check`
    text                plain      the Markdown cells of the module
    given_1, given_2    locked     code of the module that is given: imports, helpers
    softmax             solution   the grade_id is the name that a student defines
    check_softmax       graded     `check("softmax")`, after the last name that the task covers; locked
    text, code          plain      the experiments: tagged "experiment", a student may play with them
    classic_runs        manual     solution and grade in one: a person gives the points

Ids and metadata depend on the content alone, so that two builds are the same byte for byte.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grader.assignment import experiments
from grader.errors import SourceError
from grader.model import Assignment, Task, digest
from grader.percent import PercentCell, notebook
from grader.problems import Problems
from grader.source import read, solution_names

if TYPE_CHECKING:
    from nbformat import NotebookNode

SCRIPT_ONLY = "script-only"  # the tag of cells that only the .py file needs, such as the import of the module
EXPERIMENT = "experiment"  # the tag of all cells that are no part of the module

_SETUP = """\
# Run this cell first: `check` runs the public checks of a task on what this notebook defines.
from grader import check"""
_METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def source_notebook(assignment: Assignment, module: str) -> str:
    """The text of solutions/<name>/<module>.ipynb, in nbformat 4.5.

    Raises: SourceError, for what jupytext reads otherwise than we do, and for two cells of one grade_id.
    """
    import nbformat

    made = [_code(_SETUP, **_marked("setup", locked=True)), *_module_cells(assignment, module)]
    if module == assignment.modules[0] and experiments(assignment).exists():
        made += _experiment_cells(assignment)
    _give_ids(made, assignment.reference(module))
    result = nbformat.from_dict({"cells": made, "metadata": _METADATA, "nbformat": 4, "nbformat_minor": 5})
    nbformat.validate(result)
    return str(nbformat.writes(result)).rstrip("\n") + "\n"


def _module_cells(assignment: Assignment, module: str) -> Iterator[dict[str, Any]]:
    path = assignment.reference(module)
    waiting = [task for task in assignment.tasks if task.module == module]
    missing = {task.name: set(task.covers) for task in waiting}
    given = 0
    for cell, name, read_cell in _read_module(path):
        if cell.markdown:
            yield _markdown(read_cell.source.strip("\n"))
            continue
        if name is None:
            given += 1
            yield _code(read_cell.source.strip("\n"), **_marked(f"given_{given}", locked=True))
            continue
        yield _code(read_cell.source.strip("\n"), **_marked(name, solution=True))
        for task in waiting:
            if name in missing[task.name]:
                missing[task.name].remove(name)
                if not missing[task.name]:
                    yield _check_cell(task)


def _read_module(path: Path) -> Iterator[tuple[PercentCell, str | None, NotebookNode]]:
    """Each cell with the name that a student is asked to define in it, if any."""
    with Problems() as problems:
        text = read(path, problems)
        lines = solution_names(text, path=path, problems=problems) or {}
    for cell, read_cell in notebook(text, path=path):
        yield cell, next((name for name, line in lines.items() if line in cell), None), read_cell


def _experiment_cells(assignment: Assignment) -> Iterator[dict[str, Any]]:
    path = experiments(assignment)
    with Problems() as problems:
        text = read(path, problems)
    points = {task.name: task.points for task in assignment.manual}
    for cell, read_cell in notebook(text, path=path):
        if SCRIPT_ONLY in cell.tags:
            continue
        metadata: dict[str, Any] = {"tags": [*cell.tags, EXPERIMENT]}
        if "task" in cell.metadata:
            name = str(cell.metadata["task"])
            metadata |= _marked(name, solution=True, grade=True, points=points[name])
        yield (_markdown if cell.markdown else _code)(read_cell.source.strip("\n"), **metadata)


def _check_cell(task: Task) -> dict[str, Any]:
    return _code(f'check("{task.name}")', **_marked(f"check_{task.name}", grade=True, locked=True, points=task.points))


def _marked(
    grade_id: str, *, solution: bool = False, grade: bool = False, locked: bool = False, points: float | None = None
) -> dict[str, Any]:
    """Cell metadata in nbgrader's schema 3."""
    mark: dict[str, object] = {
        "schema_version": 3,
        "grade_id": grade_id,
        "grade": grade,
        "solution": solution,
        "locked": locked,
        "task": False,  # nbgrader's word for a description with marks of its own; ours are none
    }
    if points is not None:
        mark["points"] = int(points) if points.is_integer() else points
    return {"nbgrader": mark}


def _code(source: str, **metadata: Any) -> dict[str, Any]:
    return {"cell_type": "code", "execution_count": None, "metadata": metadata, "outputs": [], "source": source}


def _markdown(source: str, **metadata: Any) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": metadata, "source": source}


def _give_ids(cells: list[dict[str, Any]], path: Path) -> None:
    """Give each cell its id: the grade_id, or else a hash of its text; a change elsewhere changes none."""
    taken: set[str] = set()
    for cell in cells:
        mark = cell["metadata"].get("nbgrader")
        if mark is None:
            plain = f"{'text' if cell['cell_type'] == 'markdown' else 'code'}-{digest([cell['source']])[:8]}"
            again = sum(name.startswith(plain) for name in taken)
            cell["id"] = plain + (f"-{again + 1}" if again else "")
        else:
            cell["id"] = mark["grade_id"]
        if cell["id"] in taken or len(cell["id"]) > 64:
            message = (
                f"the notebook needs a cell {cell['id']!r}, but has one already or the name has more than 64 letters"
            )
            raise SourceError(f"{message}; rename the function, class or task", path=path, line=1)
        taken.add(cell["id"])
