"""Our converters in the place of nbgrader's.

nbgrader lets a course configure the steps of its converters, not the converters themselves, and the steps are not
enough: `Autograde` passes over a folder without a notebook, gives up the whole class when one notebook has a forged
cell, and leaves the old score standing when it fails; its hooks (`pre_convert_hook`) swallow their own errors. So the
two classes that say how an assignment is made and graded are replaced where nbgrader's commands use them; in
`nbgrader.converters` they stay as they were. Their configuration (`c.Autograde`, `--force`) reaches the subclasses as
it reached them.

One function besides: nbgrader asks the program `alembic` for the version of a new database, and finds it only where
the virtual environment is activated. Asked as a library it is always there, and a second faster.
"""

from __future__ import annotations

from pathlib import Path

import nbgrader.api
import nbgrader.apps.api
import nbgrader.apps.autogradeapp
import nbgrader.apps.generateassignmentapp

from grader.gradebook.autograde import Autograde
from grader.gradebook.release import GenerateAssignment

PLACES = {
    Autograde: (nbgrader.apps.api, nbgrader.apps.autogradeapp),  # formgrader's buttons, the command
    GenerateAssignment: (nbgrader.apps.api, nbgrader.apps.generateassignmentapp),
}


def install() -> None:
    """Replace nbgrader's converters in this process; a second call changes nothing."""
    for ours, modules in PLACES.items():
        for module in modules:
            getattr(module, ours.__name__)  # an nbgrader that is laid out differently fails here, loudly
            setattr(module, ours.__name__, ours)
    nbgrader.api.get_alembic_version  # noqa: B018 - must be there to be replaced
    nbgrader.api.get_alembic_version = schema_version


def schema_version() -> str:
    """The version of nbgrader's database tables, such as "724cde206c17"."""
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    configuration = Config()
    configuration.set_main_option("script_location", str(Path(nbgrader.api.__file__).parent / "alembic"))
    return str(ScriptDirectory.from_config(configuration).get_current_head())
