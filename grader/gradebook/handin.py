"""The notebook that a student handed in, read with suspicion: only text, pictures and grade ids are taken from it.

Nothing here decides a score; that is `grader.submission` and `grader.grade`. What cannot be read is left out, because
the report already says what was wrong with it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from grader.errors import SubmissionError
from grader.gradebook.outputs import clean_attachments, clean_outputs, text_of
from grader.ingest import opened
from grader.ipynb import RawCell, grade_id_of, load, source_of

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


def handed_notebook(folder: Path, name: str, names: Collection[str]) -> bytes | None:
    """The notebook `name` of a submission: the one called so, or the only one whose name is none of ours (`names`)."""
    try:
        files = opened(folder)
        found = [file for file in files.names() if file.endswith(".ipynb") and not file.startswith(".")]
        named = [file for file in found if file == f"{name}.ipynb"]
        renamed = [file for file in found if file.removesuffix(".ipynb") not in names]
        chosen = named or (renamed if len(renamed) == 1 else [])
        return files.read(chosen[0]) if chosen else None
    except SubmissionError:
        return None


def read_cells(data: bytes | None) -> tuple[HandedCell, ...]:
    """The cells of a notebook; none where it is no notebook."""
    try:
        return tuple(_cell(cell) for cell in load(data, "")) if data is not None else ()
    except SubmissionError:
        return ()


def _cell(cell: RawCell) -> HandedCell:
    kind = cell.get("cell_type")
    return HandedCell(
        kind=kind if kind in ("code", "markdown") else "raw",
        source=text_of(source_of(cell), SOURCE_CHARACTERS),
        grade_id=grade_id_of(cell),
        outputs=tuple(clean_outputs(cell.get("outputs"))) if kind == "code" else (),
        attachments=clean_attachments(cell.get("attachments")) if kind == "markdown" else {},
    )
