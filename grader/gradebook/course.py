"""Assignments by name, with everything of the grader that is slow to import kept out until it is needed.

nbgrader_config.py is read by every nbgrader command, so the modules of this package import little.
"""

from __future__ import annotations

from pathlib import Path

from grader.errors import SubmissionError
from grader.model import Assignment, Report, Submission


def assignment_of(root: Path | str, name: str) -> Assignment:
    """The assignment `name` of the course in `root`; errors: CourseError, SourceError."""
    from grader.assignment import load_assignment

    return load_assignment(Path(root), name)


def grade_folder(folder: Path, assignment: Assignment, student: str) -> tuple[Submission | None, Report]:
    """Grade what a student handed in; a submission that cannot be read earns nothing and its report says why.

    Anything that is raised from here is our fault, never the student's.
    """
    from grader.grade import grade, unreadable
    from grader.submission import read_submission

    try:
        submission = read_submission(folder, assignment, student)
    except SubmissionError as error:
        return None, unreadable(assignment, student, str(error))
    return submission, grade(assignment, submission)
