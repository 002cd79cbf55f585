"""What nbgrader makes of a source notebook for students: its own GenerateAssignment, run in a temporary course."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Mapping
from pathlib import Path

from grader.errors import CourseError

_NAME = "assignment"  # the temporary one; no name gets into the notebooks


def release_notebooks(sources: Mapping[str, str]) -> dict[str, str]:
    """File name → notebook without solutions, from file name → source notebook: `generate_assignment --no-db`.

    Raises: CourseError with what nbgrader has logged.
    """
    from nbgrader.converters import GenerateAssignment
    from nbgrader.converters.base import NbGraderException
    from nbgrader.coursedir import CourseDirectory
    from traitlets.config import Config

    log, told = _quiet_log()
    with tempfile.TemporaryDirectory(prefix="grader-release-") as folder:
        root = Path(folder).resolve()
        source = root / "source" / _NAME
        source.mkdir(parents=True)
        for name, text in sources.items():
            (source / name).write_text(text, encoding="utf-8", newline="\n")
        config = Config()
        config.CourseDirectory.root = str(root)
        config.CourseDirectory.assignment_id = _NAME
        config.GenerateAssignment.no_database = True
        config.SaveCells.enabled = False
        course = CourseDirectory(config=config, log=log)
        try:
            GenerateAssignment(coursedir=course, config=config, log=log).start()
        except NbGraderException as error:
            raise CourseError("\n".join([f"nbgrader cannot release {', '.join(sources)}: {error}", *told])) from error
        return {name: (root / "release" / _NAME / name).read_text(encoding="utf-8") for name in sources}


def _quiet_log() -> tuple[logging.Logger, list[str]]:
    """A logger that prints nothing, and the list of the errors that it was told."""
    told: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            told.append(record.getMessage())

    log = logging.Logger("grader.release")
    log.addHandler(Keep(level=logging.ERROR))
    return log, told
