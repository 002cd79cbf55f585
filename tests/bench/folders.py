"""Temporary course folders, and commands in them that neither read nor leave anything elsewhere."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import files
from pathlib import Path

from grader.model import Assignment

NBGRADER = (sys.executable, "-m", "nbgrader")
GRADER = (sys.executable, "-c", "from grader.cli import main; main()")
HOMES = (
    "IPYTHONDIR",
    "JUPYTER_CONFIG_DIR",
    "JUPYTER_DATA_DIR",
    "JUPYTER_RUNTIME_DIR",
    "MPLCONFIGDIR",
    "XDG_CACHE_HOME",
)
TAIL = 20  # lines of output that tell why a command failed


class CommandFailed(Exception):
    """A command of a measurement ended with an error; its last lines of output."""


@dataclass(frozen=True, slots=True)
class Place:
    """A temporary folder, and the environment of commands that run there."""

    folder: Path
    environment: dict[str, str]

    def run(self, command: Sequence[str], inside: str = ".") -> str:
        """Run a command in a folder of this one; returns its output. Raises: CommandFailed."""
        done = subprocess.run(
            command,
            cwd=self.folder / inside,
            env=self.environment,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        if done.returncode:
            lines = (done.stdout + done.stderr).splitlines()[-TAIL:]
            raise CommandFailed("\n".join([f"{' '.join(command)} ended with status {done.returncode}", *lines]))
        return done.stdout


@contextmanager
def temporary() -> Iterator[Place]:
    """A place that is gone afterwards, with the caches and settings of whatever ran there."""
    with tempfile.TemporaryDirectory(prefix="grader-bench-") as name:
        folder = Path(name).resolve()
        for home in HOMES:
            (folder / "home" / home).mkdir(parents=True)
        homes = {home: str(folder / "home" / home) for home in HOMES}
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST_", "NBGRADER_"))}
        programs = [str(Path(sys.executable).parent), *_programs("alembic"), kept.get("PATH", "")]
        yield Place(folder, {**kept, **homes, "PATH": os.pathsep.join(programs)})


def _programs(library: str) -> set[str]:
    """The folders of the programs that a library came with; stock nbgrader calls one, and looks for it in PATH."""
    found = (file for file in files(library) or () if file.parent.name in ("bin", "Scripts"))
    return {str(Path(file.locate()).resolve().parent) for file in found}


def copy_course(assignment: Assignment, into: Path) -> Assignment:
    """A course folder of one assignment, with everything that its commands need; returns that assignment."""
    for folder in (assignment.student_dir, assignment.solution_dir, assignment.release_dir):
        if folder.exists():
            shutil.copytree(
                folder, into / folder.relative_to(assignment.root), ignore=shutil.ignore_patterns("__pycache__", ".*")
            )
    shutil.copy(assignment.root / "nbgrader_config.py", into)
    return replace(assignment, root=into)
