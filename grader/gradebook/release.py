"""`nbgrader generate_assignment`: what students get, and the gradebook's rows for it.

release/ is committed, so the folder is there before the first run on a fresh clone; it is always made anew, and comes
back as it was when making it fails.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from nbgrader.converters import GenerateAssignment as NbgraderGenerateAssignment
from nbgrader.converters import NbGraderException

from grader.errors import CourseError, GraderError
from grader.gradebook.course import assignment_of
from grader.model import Assignment


def sources(assignment: Assignment) -> list[Path]:
    """The instructor's notebooks, one for each module; errors: CourseError where one is missing or out of step."""
    from grader.build import travelling_files
    from grader.nbsource import source_notebook

    for path in travelling_files(assignment):
        if not path.is_file():
            raise CourseError(f"{path} is missing, and students get it: write it before {assignment.name} is released")
    paths = [assignment.solution_dir / f"{module}.ipynb" for module in assignment.modules]
    for module, path in zip(assignment.modules, paths, strict=True):
        if not path.is_file() or path.read_text(encoding="utf-8") != source_notebook(assignment, module):
            raise CourseError(
                f"{path} is missing or out of step with {module}.py; make it: grader build {assignment.name}"
            )
    return paths


class GenerateAssignment(NbgraderGenerateAssignment):  # type: ignore[misc]
    """nbgrader's converter, with our own list of files."""

    def init_notebooks(self) -> None:
        """Find the notebooks of the assignment's modules; any other notebook in its source folder stays there."""
        try:
            assignment = assignment_of(self.coursedir.root, self.coursedir.assignment_id)
            notebooks = sources(assignment)
        except GraderError as error:
            self.log.error("%s", error)
            raise NbGraderException(str(error)) from error
        folder = self._format_source(assignment.name, self.coursedir.student_id)
        self.assignments = {folder: [f"{folder}/{path.name}" for path in notebooks]}

    def convert_notebooks(self) -> None:
        release = Path(self._format_dest(self.coursedir.assignment_id, self.coursedir.student_id))
        with tempfile.TemporaryDirectory() as safe:
            before = Path(safe) / "release"
            if release.is_dir():
                shutil.copytree(release, before)
            try:
                super().convert_notebooks()
            except BaseException:
                shutil.rmtree(release, ignore_errors=True)
                if before.is_dir():
                    shutil.copytree(before, release)
                raise

    def init_destination(self, assignment_id: str, student_id: str) -> bool:
        """Always make it anew: the gradebook of a fresh clone is empty even where release/ is not."""
        shutil.rmtree(self._format_dest(assignment_id, student_id), ignore_errors=True)
        return True

    def init_assignment(self, assignment_id: str, student_id: str) -> None:
        from grader.build import travelling_files

        super().init_assignment(assignment_id, student_id)
        destination = Path(self._format_dest(assignment_id, student_id))
        destination.mkdir(parents=True, exist_ok=True)
        for path in travelling_files(assignment_of(self.coursedir.root, assignment_id)):
            self.log.info("Copying %s -> %s", path, destination / path.name)
            shutil.copyfile(path, destination / path.name)

    def start(self, *args: Any) -> None:
        super().start(*args)
        if not self.no_database:
            self.log.info("The gradebook knows %s now: %s", self.coursedir.assignment_id, self.coursedir.db_url)
