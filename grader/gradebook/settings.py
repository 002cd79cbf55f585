"""What nbgrader would be told in a course folder, read without running any of its commands."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from jupyter_core.paths import jupyter_config_path
from nbgrader.apps import autogradeapp
from nbgrader.coursedir import CourseDirectory
from nbgrader.exchange.default.exchange import Exchange
from traitlets.config import Config, ConfigFileNotFound, PyFileConfigLoader

from grader.errors import CourseError
from grader.gradebook.autograde import Autograde

CONFIG = "nbgrader_config.py"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Of one course.

    Attributes:
        ours: whether `nbgrader autograde` grades our way.
        accepts: whether it does so without a sandbox, too.
        folders: that hold what no student may see of another, or at all; some may not exist yet.
        course: its name in the exchange; empty if it has none.
        exchange: the folder through which work is handed out and in.
    """

    ours: bool
    accepts: bool
    db_url: str
    folders: tuple[Path, ...]
    course: str
    exchange: Path


def read_settings(root: Path) -> Settings:
    """Read the configuration of the user and that of the course, which wins; as nbgrader does.

    Raises:
        CourseError: the course has no configuration, or one that cannot be executed.
    """
    if not (root / CONFIG).is_file():
        raise CourseError(f"there is no {CONFIG} in {root}")
    config = Config({"CourseDirectory": {"root": str(root)}})
    before, autogradeapp.Autograde = autogradeapp.Autograde, None
    sys.path.insert(0, str(root))  # what the file imports may lie beside it
    try:
        for folder in (*reversed(jupyter_config_path()), str(root)):
            config.merge(_loaded(folder))
        ours = autogradeapp.Autograde is Autograde
    finally:
        sys.path.remove(str(root))
        autogradeapp.Autograde = before
    course = CourseDirectory(config=config)
    names = (
        course.source_directory, course.submitted_directory, course.autograded_directory, course.feedback_directory
    )  # fmt: skip
    return Settings(
        ours=ours,
        accepts=Autograde(coursedir=course, config=config).accept_unsandboxed,
        db_url=course.db_url,
        folders=tuple(Path(course.root) / name for name in names),
        course=course.course_id,
        exchange=Path(Exchange(coursedir=course, config=config).root),
    )


def _loaded(folder: str) -> Config:
    try:
        return PyFileConfigLoader(CONFIG, path=folder).load_config()
    except ConfigFileNotFound:
        return Config()
    except (Exception, SystemExit) as error:
        raise CourseError(f"{folder}/{CONFIG} cannot be executed: {type(error).__name__}: {error}") from None
