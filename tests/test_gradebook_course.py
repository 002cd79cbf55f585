from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from grader.errors import SubmissionError
from grader.gradebook.course import grade_folder
from grader.model import Assignment, Report, Submission

ASSIGNMENT = Assignment(name="hw1", title="One", root=Path("/course"), modules=("linear",), tasks=(), manual=())


def stand_in(monkeypatch: pytest.MonkeyPatch, name: str, **functions: Any) -> None:
    module = ModuleType(name)
    vars(module).update(functions)
    monkeypatch.setitem(sys.modules, name, module)


@pytest.fixture(autouse=True)
def _grading(monkeypatch: pytest.MonkeyPatch) -> None:
    def read_submission(folder: Path, assignment: Assignment, student: str) -> Submission:
        if folder.name == "broken":
            raise SubmissionError("it is no notebook")
        return Submission(student=student, assignment=assignment.name, modules={}, notes=("read",))

    def grade(assignment: Assignment, submission: Submission) -> Report:
        return Report(student=submission.student, assignment=assignment.name, tasks=(), results=())

    def unreadable(assignment: Assignment, student: str, message: str) -> Report:
        return Report(student=student, assignment=assignment.name, tasks=(), results=(), notes=(message,))

    stand_in(monkeypatch, "grader.submission", read_submission=read_submission)
    stand_in(monkeypatch, "grader.grade", grade=grade, unreadable=unreadable)


def test_a_submission_is_read_and_graded() -> None:
    submission, report = grade_folder(Path("/submitted/ada/hw1"), ASSIGNMENT, "ada")
    assert submission is not None
    assert submission.notes == ("read",)
    assert report.student == "ada"


def test_what_cannot_be_read_has_a_report_that_says_why() -> None:
    submission, report = grade_folder(Path("/submitted/ada/broken"), ASSIGNMENT, "ada")
    assert submission is None
    assert report.notes == ("it is no notebook",)
