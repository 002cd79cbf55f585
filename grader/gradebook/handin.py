"""The notebook that a student handed in, read with suspicion: only text, pictures and grade ids are taken from it.

Nothing here decides a score; that is `grader.submission` and `grader.grade`. What cannot be read is left out, because
the report already says what was wrong with it.
"""

from __future__ import annotations

import json
import stat
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from grader.gradebook.outputs import clean_attachments, clean_outputs, text_of

NOTEBOOK_BYTES = 50_000_000
CELLS = 1_000
SOURCE_CHARACTERS = 200_000  # of one cell


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedCell:
    """One cell of a student's notebook."""

    kind: str  # "code", "markdown" or "raw"
    source: str
    grade_id: str = ""  # whatever stands in the file: the name of a cell of ours, or any other text
    outputs: tuple[NotebookNode, ...] = ()  # pictures and plain text only
    attachments: Mapping[str, Any] = field(default_factory=dict)

    @property
    def blank(self) -> bool:
        return not self.source.strip() and not self.outputs


def is_file(path: Path) -> bool:
    """Whether it is a regular file: no link to somewhere else, no pipe that would never end."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def handed_notebook(folder: Path, name: str, names: Collection[str]) -> Path | None:
    """The notebook `name` of a submission: the one called so, or the only one whose name is none of ours (`names`)."""
    found = sorted(path for path in folder.glob("[!.]*.ipynb") if is_file(path))
    named = [path for path in found if path.stem == name]
    renamed = [path for path in found if path.stem not in names]
    return next(iter(named or (renamed if len(renamed) == 1 else ())), None)


def read_cells(path: Path | None) -> tuple[HandedCell, ...]:
    """The cells of a notebook file; none where the file is no notebook."""
    if path is None or path.stat().st_size > NOTEBOOK_BYTES:
        return ()
    try:
        notebook = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return ()
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    return tuple(_cell(cell) for cell in cells[:CELLS] if isinstance(cell, dict)) if isinstance(cells, list) else ()


def _cell(cell: dict[str, Any]) -> HandedCell:
    kind = cell.get("cell_type")
    return HandedCell(
        kind=kind if kind in ("code", "markdown") else "raw",
        source=text_of(cell.get("source"), SOURCE_CHARACTERS),
        grade_id=_grade_id(cell),
        outputs=tuple(clean_outputs(cell.get("outputs"))) if kind == "code" else (),
        attachments=clean_attachments(cell.get("attachments")) if kind == "markdown" else {},
    )


def _grade_id(cell: dict[str, Any]) -> str:
    metadata = cell.get("metadata")
    nbgrader = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    grade_id = nbgrader.get("grade_id") if isinstance(nbgrader, dict) else None
    return grade_id if isinstance(grade_id, str) else ""
