"""A notebook that somebody handed in: JSON under limits, and what a cell says, whatever its types are."""

from __future__ import annotations

import json
from typing import Any

from grader.errors import SubmissionError
from grader.text import plain

CELLS = 2_000
CONTAINERS = 300_000  # lists and objects of its JSON, each of some 60 bytes in memory
VALUES = 1_000_000  # and what they hold

RawCell = dict[str, Any]


def load(data: bytes, name: str) -> list[RawCell]:
    """The cells of a notebook, as they stand in its JSON.

    Raises:
        SubmissionError: it is no JSON, no notebook, or too much of either.
    """
    shown = plain(name)
    if data.count(b"[") + data.count(b"{") > CONTAINERS or data.count(b",") > VALUES:
        raise SubmissionError(f"{shown} holds too much to be a notebook. Clear its outputs and hand it in again.")
    try:
        notebook = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError):  # also UnicodeDecodeError, and integers of thousands of digits
        raise SubmissionError(
            f"{shown} is no notebook that can be read: its JSON is broken. "
            "Open it in Jupyter, save it, hand it in again."
        ) from None
    found = notebook.get("cells") if isinstance(notebook, dict) else None
    cells = [cell for cell in found if isinstance(cell, dict)] if isinstance(found, list) else []
    if not cells:
        raise SubmissionError(f"{shown} is a notebook without cells.")
    if len(cells) > CELLS:
        raise SubmissionError(f"{shown} has {len(cells)} cells; at most {CELLS} are read.")
    return cells


def source_of(cell: RawCell) -> str:
    """The text of a cell, as Python would read it from a file."""
    source = cell.get("source", "")
    if isinstance(source, list):
        source = "".join(part for part in source if isinstance(part, str))
    return tidy(source) if isinstance(source, str) else ""


def tidy(source: str) -> str:
    """Text with one kind of line break, without NULs and half characters, which cannot be written, sent or hashed."""
    text = source.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\N{REPLACEMENT CHARACTER}")
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def mark_of(cell: RawCell) -> dict[str, Any]:
    """What nbgrader's metadata of a cell claims; nothing of it is to be believed but the name of the cell."""
    metadata = cell.get("metadata")
    mark = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    return mark if isinstance(mark, dict) else {}


def grade_id_of(cell: RawCell) -> str:
    """The name that a cell claims, "" for none."""
    grade_id = mark_of(cell).get("grade_id")
    return tidy(grade_id) if isinstance(grade_id, str) else ""


def tags_of(cell: RawCell) -> list[Any]:
    metadata = cell.get("metadata")
    tags = metadata.get("tags") if isinstance(metadata, dict) else None
    return tags if isinstance(tags, list) else []
