"""The work of a class as notebooks, and the notebooks of graders that execute them."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Mapping
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from grader.gradebook.rebuild import CHECK, grade_id, is_solution
from grader.gradebook.segments import definitions
from grader.model import Assignment
from tests.bench import checks_here


def released(assignment: Assignment) -> dict[str, NotebookNode]:
    """What students get, by module."""
    return {module: read(assignment.release_dir / f"{module}.ipynb") for module in assignment.modules}


def filled(notebooks: Mapping[str, NotebookNode], sources: Mapping[str, str]) -> dict[str, NotebookNode]:
    """The notebooks with a student's definitions in their cells; what else a source holds is in the first of them."""
    result = {}
    for module, notebook in notebooks.items():
        result[module] = notebook = copy.deepcopy(notebook)
        cells = [cell for cell in notebook.cells if is_solution(cell) and not cell.metadata.nbgrader.grade]
        named, rest = definitions(sources[module], [grade_id(cell) for cell in cells])
        for cell in cells:
            cell.source = named.get(grade_id(cell), "")
        cells[0].source = f"{rest}\n\n\n{cells[0].source}"
    return result


def executable(assignment: Assignment) -> dict[str, NotebookNode]:
    """The released notebooks, but each graded cell raises unless all checks of its task pass.

    The graded cells come last, when everything is defined that one run of the checks asks for; experiments are left out.
    """
    result = {}
    for module, notebook in released(assignment).items():
        last = max(place for place, cell in enumerate(notebook.cells) if is_check(cell))
        cells = [cell for cell in notebook.cells[: last + 1] if grade_id(cell) != "setup"]
        notebook.cells = sorted(cells, key=is_check)
        for cell in filter(is_check, cells):
            arguments = f"{grade_id(cell).removeprefix(CHECK)!r}, {module!r}, {assignment.seed!r}, globals()"
            cell.source = f"from checks_here import require\n\nrequire({arguments})"
        result[module] = notebook
    return result


def is_check(cell: NotebookNode) -> bool:
    return grade_id(cell).startswith(CHECK)


def read(path: Path) -> NotebookNode:
    return nbformat.read(path, as_version=4)


def joined(notebooks: Mapping[str, NotebookNode]) -> NotebookNode:
    """All modules in one notebook, without the cells that are graded: Otter runs its tests at the end."""
    first, *others = (copy.deepcopy(notebook) for notebook in notebooks.values())
    cells = [cell for notebook in (first, *others) for cell in notebook.cells if not is_check(cell)]
    first.cells = cells
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    return first


def write(notebooks: Mapping[str, NotebookNode], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for module, notebook in notebooks.items():
        nbformat.write(notebook, folder / f"{module}.ipynb")


def check_files(assignment: Assignment) -> list[Path]:
    """What has to lie beside an executable notebook."""
    files = [Path(checks_here.__file__)]
    for module in assignment.modules:
        files += [assignment.public_checks(module), assignment.hidden_checks(module)]
    return files


def copy_check_files(assignment: Assignment, folder: Path) -> None:
    for file in check_files(assignment):
        shutil.copy(file, folder)
