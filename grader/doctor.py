"""What `grader doctor` finds out: how this machine isolates, what is installed on it, and how the course is set up.

Nothing is changed and nothing is left behind.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from grader.errors import CourseError, SandboxError
from grader.grade import REFUSED
from grader.machine import Fact, machine
from grader.sandbox import bubblewrap, launch
from grader.sandbox.level import Level

if TYPE_CHECKING:
    from grader.sandbox.probe import Attempt  # which takes Linux

PACKAGES = ("grader", "numpy", "torch", "pytest", "hypothesis", "nbgrader")
NAMESPACES = {  # what may refuse bubblewrap, and the value that does not
    "kernel/apparmor_restrict_unprivileged_userns": "0",
    "kernel/unprivileged_userns_clone": "1",
}
CONFIGURE = (
    "let nbgrader_config.py say `from grader.gradebook import configure` and `configure(c, Path(__file__).parent)`"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """All that was found, by chapter, and what became of the attacks on the sandbox."""

    chapters: Mapping[str, tuple[Fact, ...]]
    attempts: tuple[Attempt, ...]

    @property
    def good(self) -> bool:
        """Whether official grading will work."""
        return all(fact.good is not False for facts in self.chapters.values() for fact in facts)


def diagnose(root: Path | None) -> Diagnosis:
    """Look at everything; takes seconds.

    Args:
        root: the course folder, if there is one.
    """
    sandbox, attempts = isolation()
    chapters = {"sandbox": sandbox, "versions": versions(), "machine": machine(root), "course": course(root)}
    return Diagnosis(chapters={name: tuple(facts) for name, facts in chapters.items()}, attempts=attempts)


def isolation() -> tuple[list[Fact], tuple[Attempt, ...]]:
    """The level that grading would have, what it lacks, why there is no stronger one; and its attempts."""
    strongest, missing = launch.find()
    strongest.close()
    used, facts = strongest, list[Fact]()
    if asked := os.environ.get(launch.VARIABLE, ""):
        advice = f"unset {launch.VARIABLE}: then the level is {strongest.level}, the strongest that is to be had here"
        try:
            used = launch.current()
        except SandboxError as error:
            return [Fact(name=launch.VARIABLE, value=str(error), good=False, advice=advice)], ()
        finally:
            launch.close()
        facts = [Fact(name=launch.VARIABLE, value=f"asks for level {asked}", good=None, advice=advice)]
    if used.level is Level.E:
        facts.append(Fact(name="level", value=used.level.label, good=False, advice=REFUSED))
    else:
        facts.append(Fact(name="level", value=used.level.label))
    lost = [used.level] if used.level is Level.E else [level for level in Level if Level.A < level <= used.level]
    facts += [Fact(name="a submission", value=level.lost, good=None) for level in lost]
    for level, reason in missing.items():
        facts.append(Fact(name=f"level {level}", value=f"not to be had: {reason}", good=None, advice=level.gain))
    if missing:
        facts += namespaces()
    return facts, tuple(used.attempts)


def namespaces(proc: Path = Path("/proc/sys")) -> Iterator[Fact]:
    """The settings of the kernel that keep ordinary users from bubblewrap."""
    for name, wanted in NAMESPACES.items():
        try:
            value = (proc / name).read_text("ascii").strip()
        except OSError:
            continue
        if value != wanted:
            setting = name.replace("/", ".")
            yield Fact(
                name="user namespaces",
                value=f"refused to ordinary users: {setting} is {value}",
                good=None,
                advice=f"sudo sysctl {setting}={wanted}, and the same line in /etc/sysctl.d/ to keep it",
            )


def versions() -> Iterator[Fact]:
    """Of what grading takes."""
    yield Fact(name="python", value=f"{platform.python_version()} ({platform.machine()})")
    for name in PACKAGES:
        try:
            yield Fact(name=name, value=importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            advice = "install what the course needs again: pip install -c constraints.txt ."
            yield Fact(name=name, value="not installed", good=False, advice=advice)
    yield Fact(name="kernel", value=f"{platform.system()} {platform.release()}")
    if platform.system() == "Linux":
        landlock = importlib.import_module("grader.sandbox.landlock").version()
        yield Fact(
            name="landlock", value=f"version {landlock}" if landlock else "none", good=True if landlock else None
        )
        try:
            program = bubblewrap.program()
        except SandboxError:
            yield Fact(name="bubblewrap", value="none", good=None)  # level A says what to do
        else:
            said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout.strip()
            yield Fact(name="bubblewrap", value=f"{said.removeprefix('bubblewrap ')} ({program})")


def course(root: Path | None) -> Iterator[Fact]:
    """What nbgrader is told about the course, and who else can reach what belongs to it."""
    if root is None:
        advice = "run this in a course folder, or name one: grader --course FOLDER doctor"
        return (yield Fact(name="folder", value="none here", good=None, advice=advice))
    yield Fact(name="folder", value=str(root))
    from grader.gradebook.settings import read_settings  # loads nbgrader: a second

    try:
        settings = read_settings(root)
    except CourseError as error:
        return (yield Fact(name="nbgrader", value=str(error), good=False, advice=CONFIGURE))
    if settings.ours:
        yield Fact(name="nbgrader", value="grades with these checks; the kernel of a notebook decides nothing")
    else:
        value = "its own autograde is used, in which submitted code decides its own score"
        yield Fact(name="nbgrader", value=value, good=False, advice=CONFIGURE)
    if settings.accepts:
        value, advice = "True: at level E grading is not refused", "remove it from nbgrader_config.py"
        yield Fact(name="accept_unsandboxed", value=value, good=None, advice=advice)
    database, file = gradebook(settings.db_url)
    yield database
    yield private([root, *settings.folders, *([file] if file else [])])
    yield exchange(settings.exchange, settings.course)


def gradebook(url: str) -> tuple[Fact, Path | None]:
    """Whether a database can be opened; and its file, if it is one that exists."""
    parsed = make_url(url)
    file = Path(parsed.database or "") if parsed.get_backend_name() == "sqlite" else None
    shown = str(file or parsed.render_as_string(hide_password=True))
    if file is not None and not file.is_file():
        return _new_gradebook(file), None
    try:
        engine = create_engine(url)
        with engine.connect() as connection:
            students = connection.execute(text("SELECT count(*) FROM student")).scalar()
        engine.dispose()
    except (SQLAlchemyError, ImportError) as error:
        reason = str(getattr(error, "orig", None) or error)
        advice = "if it is locked, end what uses it; if it is broken, put a copy back or mend c.CourseDirectory.db_url"
        return Fact(name="gradebook", value=f"{shown} cannot be read: {reason}", good=False, advice=advice), file
    if file is not None and not os.access(file, os.W_OK):
        advice = f"let its owner grade, or: chmod u+w {file}"
        return Fact(name="gradebook", value=f"{shown} cannot be written", good=False, advice=advice), file
    return Fact(name="gradebook", value=f"{shown}, {students} students"), file


def _new_gradebook(file: Path) -> Fact:
    if os.access(file.parent, os.W_OK):
        return Fact(name="gradebook", value=f"{file}, made by the first command of nbgrader", good=None)
    advice = "let the owner of the folder grade, or mend c.CourseDirectory.db_url"
    return Fact(
        name="gradebook", value=f"{file} cannot be made: its folder cannot be written", good=False, advice=advice
    )


def private(paths: list[Path]) -> Fact:
    """Whether other users of the machine can reach what is the staff's alone; the first path is the course folder."""
    name, root = "other users", paths[0]
    advice = f"chmod o-rwx {root}"
    if changed := [path.name for path in paths if 0o2 & others(path)]:
        return Fact(name=name, value=f"can change {', '.join(changed)}", good=False, advice=advice)
    if readable := [path.name for path in paths[1:] if 0o5 & others(path)]:
        return Fact(name=name, value=f"can read {', '.join(readable)}", good=None, advice=advice)
    return Fact(name=name, value=f"can neither read nor change {', '.join(path.name for path in paths)}")


def others(path: Path) -> int:
    """What users outside of its group may do with a file or folder, as bits: 4 read, 2 change, 1 enter."""
    if os.name != "posix" or not path.exists():
        return 0
    path = path.resolve()
    if not all(folder.stat().st_mode & 0o1 for folder in path.parents):
        return 0
    return path.stat().st_mode & 0o7


def exchange(folder: Path, course: str) -> Fact:
    """Whether work can be handed out and in through a folder, as nbgrader wants it: everybody may write there."""
    name = "exchange"
    other = "only needed where students hand in by nbgrader on this machine"
    if not folder.is_dir():
        advice = f"{other}: mkdir -p {folder}; chmod a+rwx {folder}; or name another with c.Exchange.root"
        return Fact(name=name, value=f"there is no {folder}", good=None, advice=advice)
    if not os.access(folder, os.W_OK | os.X_OK) or others(folder) != 0o7:
        return Fact(
            name=name, value=f"not everybody can write in {folder}", good=None, advice=f"{other}: chmod a+rwx {folder}"
        )
    if not course:
        return Fact(name=name, value="the course has no name", good=None, advice="c.CourseDirectory.course_id = ...")
    if 0o4 & others(folder / course / "inbound"):
        inbound = folder / course / "inbound"
        return Fact(name=name, value=f"students can list {inbound}", good=False, advice=f"chmod o-r {inbound}")
    return Fact(name=name, value=f"{folder}, course {course}")
