"""What nbgrader's commands ask of the grader itself, on the tiny course of other tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.assignment import load_assignment
from grader.gradebook.course import assignment_of, grade_folders
from grader.model import Assignment
from tests.course import REFERENCE, make_course, write


@pytest.fixture
def hw1(tmp_path: Path) -> Assignment:
    return load_assignment(make_course(tmp_path / "course"), "hw1")


def hand_in(folder: Path, student: str, source: str | bytes) -> tuple[str, Path]:
    path = folder / student / "hw1/vectors.py"
    if isinstance(source, bytes):
        path.parent.mkdir(parents=True)
        path.write_bytes(source)
    else:
        write(path, source)
    return student, path.parent


def test_an_assignment_is_found_by_its_name(hw1: Assignment) -> None:
    assert assignment_of(hw1.root, "hw1") == hw1


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_was_read_and_its_report_come_for_every_student(hw1: Assignment, tmp_path: Path, jobs: int) -> None:
    work = [hand_in(tmp_path / "submitted", student, REFERENCE) for student in ("ada", "bob", "cleo")]
    work.append(hand_in(tmp_path / "submitted", "dan", bytes(1000)))
    found = {name: (read, report) for name, read, report in grade_folders(iter(work), hw1, jobs, True, print)}
    assert set(found) == {"ada", "bob", "cleo", "dan"}
    for student, (submission, report) in found.items():
        assert report.student == student
        assert (submission is None) == (student == "dan")
        assert report.score == (0 if student == "dan" else 90)
    assert "vectors.py" in found["dan"][1].notes[0]


def test_no_more_is_begun_than_there_are_hands_for(hw1: Assignment, tmp_path: Path) -> None:
    begun = []

    def work():
        for student in "abcdef":
            begun.append(student)
            yield hand_in(tmp_path / "submitted", student, REFERENCE)

    done = grade_folders(work(), hw1, 1, True, print)
    next(done)
    assert begun == ["a", "b", "c"]
    done.close()
