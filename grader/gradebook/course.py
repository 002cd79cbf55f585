"""Assignments by name, with everything of the grader that is slow to import kept out until it is needed.

nbgrader_config.py is read by every nbgrader command, so the modules of this package import little.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from grader.errors import SubmissionError
from grader.model import Assignment, Report, Submission

Say = Callable[[str], None]


def assignment_of(root: Path | str, name: str) -> Assignment:
    """The assignment `name` of the course in `root`; errors: CourseError, SourceError."""
    from grader.assignment import load_assignment

    return load_assignment(Path(root), name)


def grade_folders(
    work: Iterable[tuple[str, Path]], assignment: Assignment, jobs: int, accept_unsandboxed: bool, say: Say
) -> Iterator[tuple[str, Submission | None, Report]]:
    """Grade what students handed in, on several processors: student, what could be read of it, and the report.

    They come in any order, as they are done; `work` is only looked at as far as there is somebody to do it. What
    cannot be read earns nothing, and its report says why.

    Args:
        jobs: processes that grade; 1 for this one alone.
        say: is told what an instructor should know meanwhile.

    Raises:
        SandboxError, BatchError: nothing can be graded (any more).
    """
    from grader.batch.engine import Where, grade_units
    from grader.batch.unit import Unit, pack
    from grader.submission import read_submission
    from grader.version import ingredients, version_of

    version = version_of(ingredients(assignment))
    units = (Unit(version=version, student=student, handed=pack(folder, assignment)) for student, folder in work)
    where = Where(jobs=jobs, accept_unsandboxed=accept_unsandboxed)
    for unit, graded in grade_units(assignment, units, where, say):
        try:
            submission = read_submission(unit.handed, assignment, unit.student)
        except SubmissionError:
            submission = None
        yield unit.student, submission, graded.report
