"""`nbgrader autograde`: each submitted folder graded alone, whatever it holds.

submitted/<student>/<assignment>/ → autograded/<student>/<assignment>/ and the gradebook. A folder with a notebook, a
.py file, both or neither, is graded; what cannot be read earns nothing, and its notebook says why. An error of ours
stops that submission only: its scores stay open, the others go on, and the command ends with exit status 1.

Without --force a submission is graded again when its files, the checks or the released notebook changed.
"""

from __future__ import annotations

import glob
import json
import re
import shutil
import traceback
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat.v4 import new_notebook
from nbgrader.converters import Autograde as NbgraderAutograde
from nbgrader.converters import NbGraderException
from nbgrader.preprocessors import AssignLatePenalties
from sqlalchemy.exc import SQLAlchemyError
from traitlets import Bool, Float, Int

from grader.errors import BatchError, GraderError, NotStarted, SandboxError, SubmissionGone
from grader.gradebook.course import grade_folders
from grader.gradebook.folder import copy_kept, fingerprint, read_timestamp, usable_id
from grader.gradebook.handin import handed_notebook, read_cells
from grader.gradebook.rebuild import CHECK, Rebuilt, rebuild
from grader.gradebook.released import Released, read_released
from grader.gradebook.scores import NO_RESPONSE, Book, Place, Scores, open_submission, patiently, reopen, save_scores
from grader.machine import worker_count
from grader.model import Assignment, CheckResult, Report, Status, Submission
from grader.text import plain

EXECUTED = " executed"  # behind the fingerprint of a submission whose notebook was executed again


@dataclass(frozen=True, slots=True, kw_only=True)
class _Begun:
    """A submission that is being graded: its scores are open."""

    folder: Path
    destination: Path
    place: Place
    mark: str  # the fingerprint to keep with its results
    late: bool


class Autograde(NbgraderAutograde):  # type: ignore[misc]
    """nbgrader's converter, with our own way from a submitted folder to a graded notebook."""

    accept_unsandboxed = Bool(
        False,
        help="Grade even where submissions cannot be kept apart (level E of `grader doctor`); marks every result.",
    ).tag(config=True)
    jobs = Int(0, min=0, help="How many submissions are graded at the same time; 0: one on each processor.").tag(
        config=True
    )
    execute_notebooks = Bool(
        False,
        help="Execute experiments and manually graded cells again, in bubblewrap, to draw their plots anew. "
        "Decides no score.",
    ).tag(config=True)
    execute_seconds = Float(300, help="How long executing one notebook may take, by the clock.").tag(config=True)
    execute_cell_seconds = Float(120, help="How long one of its cells may take.").tag(config=True)

    def start(self) -> None:
        """Refuse, before anything is touched, to run submissions that cannot be kept apart."""
        from grader.grade import require_sandbox

        try:
            require_sandbox(self.accept_unsandboxed)
            if self.execute_notebooks:
                from grader.gradebook.execute import prove

                prove()
        except SandboxError as error:
            self.log.error("%s", error)
            raise NbGraderException(str(error)) from error
        super().start()

    def init_notebooks(self) -> None:
        """Find the submitted folders; which files they hold is looked at one by one."""
        pattern = self._format_source(self.coursedir.assignment_id, self.coursedir.student_id)
        self.assignments: dict[str, list[str]] = {
            folder: [] for folder in sorted(glob.glob(pattern)) if Path(folder).is_dir()
        }
        if not self.assignments:
            message = (
                f"There is no submission at {pattern}. Get them with `nbgrader collect` or `nbgrader zip_collect`, "
                "or put them there: one folder for each student, with the notebook or the .py file in it."
            )
            self.log.error(message)
            raise NbGraderException(message)

    def convert_notebooks(self) -> None:
        failed: list[str] = []
        work: dict[str, list[tuple[str, Path]]] = {}
        for folder in self.assignments:
            assignment, student = self._names(folder)
            if student in self.coursedir.student_id_exclude.split(","):
                continue
            if not usable_id(student):
                failed.append(f"{plain(folder)}: this is no name that a student's folder can have; rename it")
                continue
            work.setdefault(assignment, []).append((student, Path(folder)))
        with closing(Book(self.coursedir.db_url, self.coursedir.course_id)) as self._book:
            for assignment, folders in work.items():
                self._grade_all(self._released(assignment), folders, failed)
        if failed:
            self._report(failed)

    def _grade_all(self, released: Released, folders: Sequence[tuple[str, Path]], failed: list[str]) -> None:
        """Grade the submissions of an assignment, several at a time; nbgrader's own part of it one after the other."""
        assignment, begun = released.assignment, dict[str, _Begun]()
        jobs = min(self.jobs or worker_count(), len(folders))

        def work() -> Iterator[tuple[str, Path]]:
            for student, folder in folders:
                with self._one(assignment.name, student, failed):
                    if (one := self._begin(folder, assignment, student)) is not None:
                        begun[student] = one
                if student in begun:
                    yield student, folder

        try:
            done = grade_folders(work(), assignment, jobs, self.accept_unsandboxed, self.log.warning)
            for student, submission, report in done:
                with self._one(assignment.name, student, failed):
                    if problem := self._finish(begun[student], released, submission, report):
                        failed.append(f"{student}, {assignment.name}: {problem}")
                begun.pop(student)
        except (BatchError, SandboxError) as error:
            failed.append(f"{assignment.name}: {error}")
        except KeyboardInterrupt:
            self.log.error("Stopped. The scores of what was not finished are open; run the command again to go on.")
            raise
        finally:
            for student in begun:
                self._undo(assignment.name, student)

    @contextmanager
    def _one(self, assignment: str, student: str, failed: list[str]) -> Iterator[None]:
        """Within: what goes wrong costs this submission only, and leaves its scores open."""
        try:
            yield
        except (Exception, SubmissionGone, NotStarted) as error:
            if not isinstance(error, GraderError):
                self.log.error("%s", traceback.format_exc())
            failed.append(f"{student}, {assignment}: {str(error) or type(error).__name__}")
            self._undo(assignment, student)

    def _names(self, folder: str) -> tuple[str, str]:
        pattern = self._format_source("(?P<assignment>.*)", "(?P<student>.*)", escape=True)
        match = re.match(pattern, folder, re.DOTALL)
        assert match is not None, f"{folder} was found by a pattern that {pattern} says again"
        return match["assignment"], match["student"]

    def _released(self, assignment: str) -> Released:
        try:
            return read_released(
                self.coursedir.root,
                assignment,
                release=Path(self.coursedir.format_path(self.coursedir.release_directory, ".", assignment)),
                db_url=self.coursedir.db_url,
                course=self.coursedir.course_id,
            )
        except GraderError as error:
            self.log.error("%s", error)
            raise NbGraderException(str(error)) from error

    def _begin(self, folder: Path, assignment: Assignment, student: str) -> _Begun | None:
        """Leave the scores of a submission open and remove earlier results; None if those are still right."""
        destination = Path(self._format_dest(assignment.name, student))
        timestamp, complaint = read_timestamp(folder)
        if complaint:
            self.log.warning("%s", complaint)
        mark = fingerprint(folder, assignment) + (EXECUTED if self.execute_notebooks else "")
        if not self.force and mark == _last_mark(destination / f"{assignment.notebook}.ipynb"):
            self.log.info("Skipping %s: it is graded, and neither it nor the checks changed (--force)", folder)
            return None
        place = self._place(assignment.name, student)
        self._remove_results(assignment.name, student)
        late = open_submission(place, timestamp, create_student=self.create_student)
        if late > 0:
            self.log.warning("%s is %.0f seconds late", folder, late)
        return _Begun(folder=folder, destination=destination, place=place, mark=mark, late=late > 0)

    def _finish(self, begun: _Begun, released: Released, submission: Submission | None, report: Report) -> str:
        """Write notebook and scores of one submission; returns what of it could not be measured, "" if nothing."""
        assignment, place = released.assignment, begun.place
        broken = [result for result in report.results if result.status is Status.ERROR]
        begun.destination.mkdir(parents=True)
        copy_kept(begun.folder, begun.destination, assignment)
        found: dict[str, Scores] = {}
        for name, notebook in released.notebooks.items():
            handed = read_cells(handed_notebook(begun.folder, name, assignment.modules))
            rebuilt = rebuild(notebook, handed, submission, report)
            rebuilt.notebook.metadata["grader"] = {
                "fingerprint": "" if broken else begun.mark,
                "environment": dict(report.environment),
            }
            found[name] = scores_of(rebuilt, report)
            if self.execute_notebooks and submission is not None and name in submission.modules:
                self._execute(rebuilt, name, submission, released)
            nbformat.write(rebuilt.notebook, begun.destination / f"{name}.ipynb")
        save_scores(place, found)
        for name in found if begun.late else ():
            self._penalty(place, name)
        self.set_permissions(assignment.name, place.student)
        self.log.info("%s: %s", begun.folder, outcome(report))
        return not_measured(broken)

    def _execute(self, rebuilt: Rebuilt, name: str, submission: Submission, released: Released) -> None:
        """Put new outputs into a notebook whose scores are known."""
        from grader.gradebook.execute import Allowance, execute

        allowance = Allowance(
            seconds=self.execute_seconds,
            cell_seconds=self.execute_cell_seconds,
            limits=released.assignment.limits,
        )
        execute(rebuilt, name, submission.modules[name], released.assignment.release_dir, allowance)

    def _place(self, assignment: str, student: str) -> Place:
        return Place(book=self._book, assignment=assignment, student=student)

    def _undo(self, assignment: str, student: str) -> None:
        """Leave nothing behind of a run that failed."""
        self._remove_results(assignment, student)
        try:
            reopen(self._place(assignment, student))
        except (GraderError, SQLAlchemyError) as error:
            self.log.error("The scores of %s for %s may be incomplete: %s", student, assignment, error)

    def _penalty(self, place: Place, notebook: str) -> None:
        """Let nbgrader's own step write down what late work costs; it looks at no cell."""
        names = {"student": place.student, "assignment": place.assignment, "notebook": notebook}
        resources = {"nbgrader": {**names, "db_url": place.book.db_url}}
        patiently(lambda: AssignLatePenalties(parent=self).preprocess(new_notebook(), resources))

    def _remove_results(self, assignment: str, student: str) -> None:
        """Remove notebook and feedback of an earlier run, so that nobody is shown them as if they still held."""
        for step in (self.coursedir.autograded_directory, self.coursedir.feedback_directory):
            shutil.rmtree(self.coursedir.format_path(step, student, assignment), ignore_errors=True)

    def _report(self, failed: list[str]) -> None:
        for line in failed:
            self.log.error("Not graded, or not in full: %s", line)
        message = (
            f"{len(failed)} of {len(self.assignments)} submissions could not be graded in full, which is no fault of "
            "the students: their open scores are marked for manual grading. Mend what is said above and run this "
            "command again; it grades what is open."
        )
        self.log.error(message)
        raise NbGraderException(message)


def scores_of(rebuilt: Rebuilt, report: Report) -> Scores:
    """The scores of a notebook: each task's, None for a manual cell with an answer, 0 for one without."""
    tasks = {CHECK + task.name: report.score_of(task) for task in report.tasks}
    automatic: dict[str, float | None] = {}
    for cell in rebuilt.notebook.cells:
        about = cell.metadata.get("nbgrader", {})
        if about.get("grade"):
            unanswered = about.solution and not rebuilt.answered[about.grade_id]
            automatic[about.grade_id] = 0.0 if unanswered else tasks.get(about.grade_id)
    comments = {name: None if answered else NO_RESPONSE for name, answered in rebuilt.answered.items()}
    return Scores(automatic=automatic, comments=comments)


def not_measured(broken: Sequence[CheckResult]) -> str:
    """What an instructor reads about checks that failed through our own fault; "" if there are none."""
    if not broken:
        return ""
    first = broken[0]
    others = f", and {len(broken) - 1} more checks" if len(broken) > 1 else ""
    return f"{first.check.name}{others} could not be run: {first.message or 'no reason is known'}"


def outcome(report: Report) -> str:
    """One line for the log: "54.5 of 75 automatic points, 1 task open"."""
    line = f"{report.score:g} of {report.max_score:g} automatic points"
    return f"{line}, {len(report.open_tasks)} open" if report.open_tasks else line


def _last_mark(path: Path) -> str | None:
    """The fingerprint of the last complete run, None where there was none."""
    try:
        found = json.loads(path.read_bytes())["metadata"]["grader"]["fingerprint"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if isinstance(found, str) and found else None
