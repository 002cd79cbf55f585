"""Results as they come, in a file that is only ever added to: what it holds survives whatever ends the grader.

A line is on the disk before it counts. A last line that was cut off is dropped when the file is opened again, and its
submission graded again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from typing import BinaryIO

from filelock import FileLock, Timeout

from grader.batch.record import Line, Mark, Record, from_line, to_line
from grader.batch.unit import Key
from grader.errors import BatchError
from grader.model import Report
from grader.text import plain

RESULTS, LOCK = "results.jsonl", "lock"
NO_ROOM = (
    "{} cannot be written ({}). All results so far are kept: mend that, and start the same command again to go on."
)
BUSY = "Another grader is at work in {}. Wait for it, or name another folder: --out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Where a student's last result stands, and what of it is asked for often."""

    key: Key
    place: int
    measured: bool
    score: float
    points: tuple[tuple[str, float | None], ...]  # by task; None where they are open


@contextmanager
def open_store(folder: Path, assignment: str) -> Iterator[Store]:
    """The results in a folder, which is made if need be; for one grader at a time.

    Raises:
        BatchError: it cannot be written, another grader has it, or it holds something else.
    """
    with ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            stack.enter_context(FileLock(folder / LOCK, timeout=0))
            out = stack.enter_context(open(folder / RESULTS, "ab", buffering=0))
            back = stack.enter_context(open(folder / RESULTS, "rb"))
        except Timeout:
            raise BatchError(BUSY.format(folder)) from None
        except OSError as error:
            raise BatchError(NO_ROOM.format(folder, error.strerror or error)) from None
        yield Store(out, back, folder, assignment)


class Store:
    """The results of an assignment.

    Attributes:
        unfinished: whether the last run was cut short, so that the next one goes on with it.
        entries: the results of the current run, by student.
        before: those of earlier runs, which scores are compared with.
    """

    def __init__(self, out: FileIO, back: BinaryIO, folder: Path, assignment: str) -> None:
        self.folder, self._out, self._back, self._assignment = folder, out, back, assignment
        self.unfinished = False
        self.entries: dict[str, Entry] = {}
        self.before: dict[str, Entry] = {}
        self._begun: Mark | None = None  # not yet written
        self._end = 0
        self._read()

    def begin(self, *, changed: bool) -> None:
        """Begin a run, or go on with one that was cut short. The file says so with the first result, not before:
        a run that could not even start leaves everything as it was.

        Args:
            changed: keep what is still right of earlier runs.
        """
        if not self.unfinished:
            self._begun = Mark(mark="changed" if changed else "all", assignment=self._assignment, at=_now())
            self._note(self._begun, self._end)

    def has(self, key: Key) -> bool:
        """Whether this very unit was done in this run, and need not be done again."""
        entry = self.entries.get(key.student)
        return entry is not None and entry.key == key and entry.measured

    def add(self, key: Key, report: Report, seconds: float) -> None:
        """Keep a result; when this returns it is on the disk.

        Raises:
            BatchError: it cannot be written.
        """
        self._add(Record(key=key, report=report, seconds=seconds, finished=_now()))

    def end(self) -> None:
        """Mark this run as complete."""
        self._add(Mark(mark="end", assignment=self._assignment, at=_now()))

    def report(self, student: str) -> Report:
        """The result of a student in this run."""
        self._back.seek(self.entries[student].place)
        line = from_line(self._back.readline())
        assert isinstance(line, Record)
        return line.report

    def _read(self) -> None:
        for number, data in enumerate(self._back, start=1):
            if not data.endswith(b"\n"):  # its writer was stopped in the middle of it
                self._out.truncate(self._end)
                break
            try:
                self._note(from_line(data), self._end)
            except BatchError as error:
                where = f"{self.folder / RESULTS}, line {number}"
                raise BatchError(f"{where}: {error}. Move it away, or name another folder: --out") from None
            self._end += len(data)

    def _note(self, line: Line, place: int) -> None:
        of = line.report.assignment if isinstance(line, Record) else line.assignment
        if of != self._assignment:
            raise BatchError(f"it is of {plain(of)}, not of {self._assignment}")
        match line:
            case Record(key=key, report=report):
                points = tuple((task.name, report.score_of(task)) for task in report.tasks)
                self.entries[key.student] = Entry(
                    key=key, place=place, measured=line.measured, score=report.score, points=points
                )
            case Mark(mark=mark):
                self.unfinished = mark != "end"
                if self.unfinished:
                    self.before |= self.entries
                if mark == "all":
                    self.entries = {}

    def _add(self, line: Line) -> None:
        head = to_line(self._begun) if self._begun else b""
        data = head + to_line(line)
        try:
            written = 0
            while written < len(data):
                written += self._out.write(data[written:])
            os.fsync(self._out.fileno())
        except OSError as error:
            with suppress(OSError):
                self._out.truncate(self._end)
            raise BatchError(NO_ROOM.format(self.folder / RESULTS, error.strerror)) from None
        self._note(line, self._end + len(head))
        self._end += len(data)
        self._begun = None


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all; errors: BatchError."""
    new = path.with_name(f"{path.name}.new")
    try:
        new.write_text(text, encoding="utf-8", errors="backslashreplace")
        new.replace(path)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise BatchError(NO_ROOM.format(path, error.strerror)) from None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
