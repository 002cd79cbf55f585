"""The unit of work, which any machine may do: an assignment's version and the bytes of a submission → a report."""

from __future__ import annotations

import faulthandler
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from grader.assignment import checks
from grader.errors import GraderError, NotStarted, SubmissionError, SubmissionGone
from grader.files import FILE_BYTES, Files, is_work, size
from grader.grade import ATTEMPTS, grade_path, unmeasured
from grader.ingest import opened
from grader.model import Assignment, Report, digest
from grader.submission import limit_of, needed
from grader.text import plain
from grader.version import ingredients, version_of

LOSSES = 3  # so often a unit may end its worker, or fail by our fault; then it is reported and not tried again


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """What one student handed in, as bytes; of what could not be read, the reason."""

    listed: tuple[str, ...] = ()
    data: Mapping[str, bytes] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)
    refused: str = ""
    notes: tuple[str, ...] = ()

    def names(self) -> tuple[str, ...]:
        if self.refused:
            raise SubmissionError(self.refused)
        return self.listed

    def read(self, name: str, limit: int = FILE_BYTES) -> bytes:
        if name in self.problems:
            raise SubmissionError(self.problems[name])
        if len(self.data[name]) > limit:
            raise SubmissionError(f"{plain(name)} is larger than {size(limit)}.")
        return self.data[name]

    @property
    def digest(self) -> str:
        """SHA-256 of all that grading sees of it."""
        problems = [text for item in self.problems.items() for text in item]
        texts = [self.refused, *self.listed, *self.notes, *problems, *self.data]
        return digest([*texts, *self.data.values()])


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """What a result depends on: the same key, the same report."""

    student: str
    version: str  # of the assignment
    submission: str  # SHA-256 of what was handed in


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One submission to be graded with one version of an assignment."""

    version: str
    student: str
    handed: Packed

    @property
    def key(self) -> Key:
        return Key(student=self.student, version=self.version, submission=self.handed.digest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Graded:
    """What came of a unit, and the seconds that it took; the report has open tasks where grading failed."""

    report: Report
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Why a unit has no report. Values cross between processes, not exceptions, which not every reader can rebuild.

    Attributes:
        course: whether the course is at fault, so that no other unit would fare better.
    """

    message: str
    course: bool = False


def pack(path: Path | Files, assignment: Assignment) -> Packed:
    """Read the files of a submission that grading may open, under the limits of `grader.ingest`; parse none."""
    try:
        files = opened(path) if isinstance(path, Path) else path
    except SubmissionError as error:
        return Packed(refused=str(error))
    try:
        listed = files.names()
    except SubmissionError as error:
        return Packed(refused=str(error), notes=files.notes)
    data: dict[str, bytes] = {}
    problems: dict[str, str] = {}
    wanted = needed(listed, assignment.modules)
    for name in wanted:
        try:
            data[name] = files.read(name, limit_of(name))
        except SubmissionError as error:
            problems[name] = str(error)
    seen = tuple(name for name in listed if name in wanted or is_work(name))  # what else lies there changes nothing
    return Packed(listed=seen or listed, data=data, problems=problems, notes=files.notes)


def do(assignment: Assignment, unit: Unit) -> Graded | Trouble:
    """Grade a unit; nothing is raised but what ends a process."""
    began = time.perf_counter()
    try:
        report = grade_path(assignment, unit.handed, unit.student)
        if version_of(ingredients(assignment)) != unit.version:
            return Trouble(message=f"{assignment.name} was changed while it was graded: start again", course=True)
    except GraderError as error:
        return Trouble(message=str(error), course=True)
    except (Exception, SubmissionGone, NotStarted) as error:
        return Trouble(message=f"{type(error).__name__}: {plain(str(error))}")
    return Graded(report=report, seconds=time.perf_counter() - began)


@contextmanager
def patience(assignment: Assignment) -> Iterator[None]:
    """Ends this process where grading takes longer than all checks may, tried again and again.

    Each call of a submission has its limit; this is for a fault of ours, so that one stuck worker keeps no class.
    """
    with open(os.devnull, "w") as nowhere:
        longest = ATTEMPTS * len(checks(assignment)) * assignment.limits.check_seconds
        faulthandler.dump_traceback_later(longest, exit=True, file=nowhere)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()


def given_up(assignment: Assignment, unit: Unit, reason: str) -> Graded:
    """The result of a unit that failed LOSSES times by our fault: all points open, and the instructor reads why."""
    message = f"Grading this submission failed {LOSSES} times, which is no verdict on it: {reason}"
    return Graded(report=unmeasured(assignment, unit.student, message), seconds=0.0)
