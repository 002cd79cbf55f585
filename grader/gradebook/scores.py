"""The gradebook's rows of one submission.

A run first clears what the last one found and saves its own at the end, so whatever happens in between (an error, a
killed process) no stale score stays: an automatic score is either that of the last complete run, or open.
"""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import TypeVar

from nbgrader.api import BaseCell, Gradebook, MissingEntry, SubmittedAssignment
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from grader.errors import GraderError

T = TypeVar("T")

WAITS = (0.5, 1.0)  # seconds before the second, third, ... attempt; SQLite itself waits 5 s in each
NO_RESPONSE = "No response."  # nbgrader's own words


class Book:
    """The gradebook of a course, opened once: opening it takes longer than the scores of a submission.

    Between two pieces of work it holds no lock and remembers nothing.
    """

    def __init__(self, db_url: str, course: str) -> None:
        self.db_url, self.course = db_url, course
        self._gradebook: Gradebook | None = None

    def work(self, work: Callable[[Gradebook], T]) -> T:
        """Do a piece of work; errors: GraderError if another program keeps the database locked."""
        return patiently(lambda: self._once(work))

    def close(self) -> None:
        if self._gradebook is not None:
            self._gradebook.close()
        self._gradebook = None

    def _once(self, work: Callable[[Gradebook], T]) -> T:
        if self._gradebook is None:
            self._gradebook = Gradebook(self.db_url, self.course)
        try:
            return work(self._gradebook)
        finally:
            self._gradebook.db.remove()


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the scores of one submission are."""

    book: Book
    assignment: str
    student: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """What a run found in one notebook: None is an open score, which a person has to decide."""

    automatic: Mapping[str, float | None]  # grade id of each graded cell → points
    comments: Mapping[str, str | None] = field(default_factory=dict)  # grade id of each solution cell → comment


def open_submission(place: Place, timestamp: datetime.datetime | None, *, create_student: bool = True) -> float:
    """Make the rows of a submission where there are none, and leave all its automatic scores open.

    Returns how many seconds late it is. A score that a person gave stays.
    """

    def work(gradebook: Gradebook) -> float:
        if create_student:
            gradebook.update_or_create_student(place.student)
        else:
            _student(gradebook, place.student)
        with gradebook.db.no_autoflush:  # nbgrader adds the rows of a submission before the submission itself
            submission = gradebook.update_or_create_submission(place.assignment, place.student, timestamp=timestamp)
        late = float(submission.total_seconds_late)
        _leave_open(submission)
        gradebook.db.commit()
        return late

    return place.book.work(work)


def reopen(place: Place) -> None:
    """Leave all automatic scores of a submission open again, after a run that failed when they were saved already."""

    def work(gradebook: Gradebook) -> None:
        with suppress(MissingEntry):
            _leave_open(gradebook.find_submission(place.assignment, place.student))
            gradebook.db.commit()

    place.book.work(work)


def save_scores(place: Place, found: Mapping[str, Scores]) -> None:
    """Save all that a run found, notebook by notebook, or nothing of it."""

    def work(gradebook: Gradebook) -> None:
        for notebook, scores in found.items():
            rows = gradebook.find_submission_notebook(notebook, place.assignment, place.student)
            cells = select(BaseCell.id, BaseCell.name).where(BaseCell.notebook_id == rows.notebook_id)
            names = {cell.id: cell.name for cell in gradebook.db.execute(cells)}  # grade.name is a query for each
            grades = {names[grade.cell_id]: grade for grade in rows.grades}
            for grade_id, score in scores.automatic.items():
                grade = grades[grade_id]
                grade.auto_score = score
                # a person decides what is open, and looks again at what they decided before this run
                grade.needs_manual_grade = score is None or grade.manual_score is not None
            comments = {names[comment.cell_id]: comment for comment in rows.comments}
            for grade_id, comment in scores.comments.items():
                comments[grade_id].auto_comment = comment
        gradebook.db.commit()

    place.book.work(work)


def recorded_points(db_url: str, course: str, assignment: str) -> dict[str, float]:
    """What each graded cell is worth in the gradebook; errors: GraderError where it does not know the assignment."""

    def work(gradebook: Gradebook) -> dict[str, float]:
        try:
            found = gradebook.find_assignment(assignment)
        except MissingEntry:
            raise GraderError(
                f"The gradebook does not know {assignment}. Run first: nbgrader generate_assignment {assignment}"
            ) from None
        return {cell.name: float(cell.max_score) for notebook in found.notebooks for cell in notebook.grade_cells}

    with closing(Book(db_url, course)) as book:
        return book.work(work)


def patiently(work: Callable[[], T], waits: tuple[float, ...] = WAITS) -> T:
    """Run `work`, and again while the database is locked by another program; errors: GraderError if it stays so."""
    for wait in waits:
        try:
            return work()
        except OperationalError as error:
            if not _locked(error):
                raise
            time.sleep(wait)
    try:
        return work()
    except OperationalError as error:
        if not _locked(error):
            raise
        raise GraderError(
            "The gradebook is locked by another program (a formgrader, a second nbgrader, a copy in progress). "
            "Close it and run the command again; nothing was saved for this submission."
        ) from error


def _locked(error: OperationalError) -> bool:
    return "locked" in str(error.orig)


def _leave_open(submission: SubmittedAssignment) -> None:
    for notebook in submission.notebooks:
        notebook.late_submission_penalty = None
        for grade in notebook.grades:
            grade.auto_score, grade.needs_manual_grade = None, True


def _student(gradebook: Gradebook, student: str) -> None:
    try:
        gradebook.find_student(student)
    except MissingEntry:
        raise GraderError(
            f"The gradebook has no student {student!r}, and Autograde.create_student is off. Add them with: "
            f"nbgrader db student add {student}"
        ) from None
