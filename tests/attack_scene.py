"""Where attacks take place: a course, a gradebook, a neighbour, things that listen, and a watch over all of it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import secrets
import shutil
import socket
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from grader.assignment import load_assignment
from grader.grade import grade_path
from grader.gradebook.feedback import check_outputs, summary_cell
from grader.model import CheckResult, Limits, Report
from grader.report import make_console, show_report
from grader.sandbox import launch
from tests.attack import Attack
from tests.attack_course import REFERENCE, files
from tests.attack_watch import Watch, children, gone
from tests.course import write

PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True)
class Graded:
    """What came of one submission."""

    report: Report
    student: str  # all that the student reads
    instructor: str  # all that anybody reads

    def results(self, task: str) -> list[CheckResult]:
        return [result for result in self.report.results if result.check.task == task]

    def __str__(self) -> str:
        return "\n".join(f"{r.check.name}: {r.status}: {r.message}" for r in self.report.results)

    def verdicts(self) -> list[tuple[str, str, str, str]]:
        """What must be the same each time."""
        return [(r.check.name, r.status.value, r.message, r.hint) for r in self.report.results]


class Scene:
    """One course at one level of the sandbox, with what attacks are after."""

    def __init__(self, level: str, stack: ExitStack) -> None:
        self.level = level
        # For everybody, so that it is the sandbox that keeps attacks out, not the mode of a folder around.
        self.root = Path(tempfile.mkdtemp(prefix="attack-")).resolve()
        stack.callback(shutil.rmtree, self.root, ignore_errors=True)
        self.root.chmod(0o755)
        self.mark = f"mark-{secrets.token_hex(6)}"
        self.token, self.hidden_input = (f"token-{secrets.token_hex(8)}" for _ in range(2))
        self.course, self.drop, self.temporary = (self.root / name for name in ("course", "drop", "tmp"))
        for folder in (self.drop, self.temporary):
            folder.mkdir()
            folder.chmod(0o777)
        for name, text in files(self.token, self.hidden_input).items():
            write(self.course / name, text)
        self.neighbour = self.course / "submitted/zoe/hw1/work.py"
        write(self.neighbour, REFERENCE + f"# {self.token}\n")
        self.gradebook = self.course / "gradebook.db"
        with contextlib.closing(sqlite3.connect(self.gradebook)) as database, database:
            database.execute("create table standing (student text, score real)")
            database.execute("insert into standing values ('zoe', 70)")
        self._listen(stack)
        self._enter(stack)
        self.assignment = load_assignment(self.course, "hw1")
        self.grade(
            REFERENCE + "\n\nimport hypothesis\n\nimport torch\n"
        )  # starts a server that has all that attacks import
        self.honest = self.grade(REFERENCE)
        self.watch = Watch(self.root, self.mark, self.key, self.listeners)

    def _listen(self, stack: ExitStack) -> None:
        def bound(family: int, kind: int, address: object) -> socket.socket:
            end = stack.enter_context(socket.socket(family, kind))
            end.bind(address)
            end.setblocking(False)
            if kind == socket.SOCK_STREAM:
                end.listen()
            return end

        self.tcp = bound(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0))
        self.udp = bound(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0))
        self.unix = bound(socket.AF_UNIX, socket.SOCK_STREAM, str(self.root / "socket"))
        (self.root / "socket").chmod(0o777)
        self.abstract = bound(socket.AF_UNIX, socket.SOCK_STREAM, f"\0{self.mark}")
        self.listeners = [self.tcp, self.udp, self.unix, self.abstract]
        self.key = 0x41000000 | secrets.randbits(24)  # of System V's queues, semaphores and memory

    def _enter(self, stack: ExitStack) -> None:
        """Make this process run the sandbox at this level, with its folders here; and adopt what attacks leave."""
        stack.enter_context(patched("TMPDIR", str(self.temporary)))
        stack.enter_context(patched("GRADER_SANDBOX", self.level))
        before, tempfile.tempdir = tempfile.tempdir, str(self.temporary)
        stack.callback(setattr, tempfile, "tempdir", before)
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        stack.callback(ctypes.CDLL(None).prctl, PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
        launch.close()  # the next submission starts a server of this level
        stack.callback(launch.close)

    def constants(self) -> dict[str, object]:
        """What attacks know about this place."""
        ours = self.course / "solutions/hw1"
        return {
            "MARK": self.mark,
            "KEY": self.key,
            "SECRET": str(ours / "test_work_hidden.py"),
            "REFERENCE": str(ours / "work.py"),
            "GRADEBOOK": str(self.gradebook),
            "NEIGHBOUR": str(self.neighbour),
            "DROP": str(self.drop),
            "PORT": self.tcp.getsockname()[1],
            "UDP_PORT": self.udp.getsockname()[1],
            "SOCKET": str(self.root / "socket"),
            "ABSTRACT": f"\0{self.mark}",
            "TRUSTED_PID": os.getpid(),
        }

    def attack(self, attack: Attack) -> Graded:
        limits = self.assignment.limits
        if attack.is_endless:  # needs no patience
            limits = replace(limits, call_seconds=0.1, load_seconds=0.5)
        return self.grade(attack.submission(self.constants()), attack.beside, limits)

    def grade(
        self, source: str, beside: Mapping[str, str] = MappingProxyType({}), limits: Limits | None = None
    ) -> Graded:
        """Hand in this module, and grade it."""
        assignment = replace(self.assignment, limits=limits or self.assignment.limits)
        folder = self.root / "handed"
        for name, text in {"work.py": source, **beside}.items():
            write(folder / name, text)
        try:
            return texts(grade_path(assignment, folder, "ada"))
        finally:
            shutil.rmtree(folder)

    def left_behind(self) -> list[str]:
        """What must not be: any trace of an attack outside of its own report."""
        return [*self.watch.changes(), *(f"a process is left: {name}" for name in gone(self._strangers))]

    def _strangers(self) -> set[int]:
        return children(os.getpid()) - self.watch.processes


def texts(report: Report) -> Graded:
    """A report as people read it, in the terminal and in the notebook."""
    console = make_console()
    shown = []
    for hidden in (False, True):
        with console.capture() as capture:
            show_report(console, report, hidden=hidden)
        shown.append(capture.get())
    cells = [str(summary_cell(report)), *(str(check_outputs(report, task)) for task in report.tasks)]
    return Graded(report, "\n".join([shown[0], *cells]), "\n".join([shown[1], *cells, repr(report)]))


def offered() -> list[str]:
    """The letters of the levels that this machine offers."""
    return [level.value for level in launch.available()]


@contextlib.contextmanager
def patched(name: str, value: str) -> Iterator[None]:
    """Within: an environment variable has this value."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        os.environ.pop(name)
        if before is not None:
            os.environ[name] = before
