from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from nbgrader.api import Gradebook
from sqlalchemy.exc import OperationalError

from grader.errors import GraderError
from grader.gradebook.install import install
from grader.gradebook.scores import Book, Place, open_submission, patiently, recorded_points


@pytest.fixture(autouse=True)
def _installed() -> None:
    install()


class Locked:
    """Work that finds the database locked a number of times."""

    def __init__(self, times: int, message: str = "database is locked") -> None:
        self.times, self.message, self.attempts = times, message, 0

    def __call__(self) -> str:
        self.attempts += 1
        if self.attempts <= self.times:
            raise OperationalError("UPDATE", {}, Exception(self.message))
        return "saved"


def test_an_attempt_that_finds_the_lock_gone_succeeds() -> None:
    assert patiently(Locked(2), waits=(0, 0)) == "saved"


def test_a_lock_that_stays_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(GraderError, match="locked by another program"):
        patiently(Locked(3), waits=(0, 0))


def test_another_error_of_the_database_is_not_tried_again() -> None:
    for waits in ((), (0, 0)):
        work = Locked(1, "no such table: grade")
        with pytest.raises(OperationalError, match="no such table"):
            patiently(work, waits=waits)
        assert work.attempts == 1


def test_an_assignment_that_the_gradebook_does_not_know_is_an_error() -> None:
    with pytest.raises(GraderError, match="nbgrader generate_assignment hw9"):
        recorded_points("sqlite://", "course", "hw9")


def test_a_student_that_may_not_be_created_is_an_error() -> None:
    with closing(Book("sqlite://", "course")) as book:
        place = Place(book=book, assignment="hw1", student="zoe")
        with pytest.raises(GraderError, match="nbgrader db student add zoe"):
            open_submission(place, None, create_student=False)


def test_a_book_holds_no_lock_and_remembers_nothing_between_two_pieces_of_work(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/gradebook.db?timeout=0.1"

    def emails(gradebook: Gradebook) -> list[str | None]:
        return [student.email for student in gradebook.students]

    with closing(Book(url, "course")) as book, closing(Book(url, "course")) as other:
        other.work(lambda gradebook: gradebook.add_student("zoe", email="old"))
        assert book.work(emails) == ["old"]
        other.work(lambda gradebook: gradebook.update_or_create_student("zoe", email="new"))
        assert book.work(emails) == ["new"]


def test_what_a_piece_of_work_did_before_it_failed_is_undone(tmp_path: Path) -> None:
    def failing(gradebook: Gradebook) -> None:
        gradebook.find_student("zoe").email = "half"
        raise ValueError("stopped")

    with closing(Book(f"sqlite:///{tmp_path}/gradebook.db", "course")) as book:
        book.work(lambda gradebook: gradebook.add_student("zoe", email="old"))
        with pytest.raises(ValueError, match="stopped"):
            book.work(failing)
        assert book.work(lambda gradebook: gradebook.find_student("zoe").email) == "old"
