"""One line of results.jsonl: what is kept of a unit that was done, and the way back, which checks it strictly."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from grader.batch.unit import Key
from grader.errors import BatchError
from grader.model import Report
from grader.text import plain

FORMAT = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What came of one unit."""

    key: Key
    report: Report
    seconds: float
    finished: str  # when, UTC, ISO 8601

    @property
    def measured(self) -> bool:
        """Whether it need not be graded again; where we failed, it must."""
        return not self.report.broken


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """The beginning or the end of a run.

    Attributes:
        mark: "all" begins a run that grades everything, "changed" one that keeps what is still right; "end" ends it.
    """

    mark: Literal["all", "changed", "end"]
    assignment: str
    at: str  # when, UTC, ISO 8601


Line = Record | Mark


def to_line(line: Line) -> bytes:
    """As JSON, in one line; any text survives, also a name that is no Unicode."""
    return json.dumps(_values(line), allow_nan=False).encode("ascii") + b"\n"


def from_line(data: bytes) -> Line:
    """The same back.

    Raises:
        BatchError: it is not what `to_line` writes; says what is wrong.
    """
    try:
        value = json.loads(data, parse_constant=_no_number)
        is_mark = isinstance(value, dict) and "mark" in value
        line = msgspec.convert(value, Mark) if is_mark else msgspec.convert(value, Record)
        if json.loads(to_line(line)) != value:
            raise ValueError(f'expected nothing more than the fields of its kind, and "format": {FORMAT}')
        if isinstance(line, Record) and line.key.student != line.report.student:
            raise ValueError("its key and its report name different students")
    except (ValueError, RecursionError) as error:
        raise BatchError(f"no result of ours: {plain(str(error))}") from None
    return line


def _values(line: Line) -> dict[str, Any]:
    return {"format": FORMAT, **msgspec.to_builtins(line)}


def _no_number(name: str) -> float:
    raise ValueError(f"expected a number, got {name}")
