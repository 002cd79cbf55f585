"""The released notebooks of an assignment, held against the gradebook and the checks before anything is graded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from grader.errors import GraderError
from grader.gradebook.course import assignment_of
from grader.gradebook.rebuild import CHECK
from grader.gradebook.scores import recorded_points
from grader.model import Assignment


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """An assignment as students have it."""

    assignment: Assignment
    notebooks: Mapping[str, NotebookNode]  # by name, which is that of their module


def read_released(root: Path | str, name: str, *, release: Path, db_url: str, course: str) -> Released:
    """Read release/<name>; errors: GraderError, where notebooks, gradebook and checks do not say the same points."""
    assignment = assignment_of(root, name)
    recorded = recorded_points(db_url, course, name)
    again = f"Run again: grader build {name} && nbgrader generate_assignment {name}"
    notebooks = {module: _read(release / f"{module}.ipynb", again) for module in assignment.modules}
    released = {
        cell.metadata.nbgrader.grade_id: float(cell.metadata.nbgrader.points)
        for notebook in notebooks.values()
        for cell in notebook.cells
        if cell.metadata.get("nbgrader", {}).get("grade")
    }
    checks = {CHECK + task.name: task.points for task in assignment.tasks}
    checks |= {task.name: task.points for task in assignment.manual}
    _compare(f"The gradebook and {release}", recorded, released, again)
    _compare(f"The checks of {name} and {release}", checks, released, again)
    return Released(assignment=assignment, notebooks=notebooks)


def _read(path: Path, again: str) -> NotebookNode:
    try:
        return nbformat.read(path, as_version=4)
    except (OSError, ValueError) as error:
        raise GraderError(f"{path} cannot be read ({error}). {again}") from error


def _compare(what: str, first: Mapping[str, float], second: Mapping[str, float], again: str) -> None:
    for cell in sorted(first.keys() | second.keys()):
        if first.get(cell) != second.get(cell):
            raise GraderError(
                f"{what} do not agree about the cell {cell}: "
                f"{first.get(cell, 'no')} against {second.get(cell, 'no')} points. {again}"
            )
