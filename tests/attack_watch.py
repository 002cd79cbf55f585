"""Notices what an attack changed: files, listeners, System V objects, processes, and this process itself."""

from __future__ import annotations

import builtins
import contextlib
import hashlib
import os
import resource
import select
import shutil
import signal
import socket
import stat
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

PUBLIC = ("/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue")  # folders where anybody may write
PATIENCE = 5.0  # seconds until a killed process must be gone


class Watch:
    """How everything is now, to be compared later.

    Args:
        root: of all files of the scene.
        mark: part of the name of everything that an attack makes elsewhere.
        key: of everything that an attack makes in System V's tables.
        listeners: sockets that nobody must reach.
        apart: files and folders under `root` that change as they should.
    """

    def __init__(
        self, root: Path, mark: str, key: int, listeners: Sequence[socket.socket], apart: Sequence[Path] = ()
    ) -> None:
        self._root, self._mark, self._key, self._listeners, self._apart = root, mark, key, listeners, {*apart}
        self._kept = {path: path.read_bytes() for path in self._paths() if path.is_file()}
        self._files, self._self = self._look(), own_state()
        self.processes = children(os.getpid())

    def changes(self) -> list[str]:
        """What is not as it was."""
        now, own = self._look(), own_state()
        found = [
            f"a file is changed: {path.relative_to(self._root)}: {self._files.get(path)} -> {now.get(path)}"
            for path in sorted(now.keys() | self._files.keys())
            if now.get(path) != self._files.get(path)
        ]
        found += [f"this process has another {name}" for name in own if own[name] != self._self[name]]
        found += [f"left in {path.parent}: {path.name}" for path in self._dropped()]
        found += [f"System V has a {name} of the attack" for name in system_v(self._key)]
        return found + [f"reached: {end.getsockname()}" for end in self._listeners if reached(end)]

    def repair(self) -> None:
        """Put the files back, and take away what was dropped."""
        for path in self._dropped():
            remove(path)
        for path in sorted(self._look().keys() - self._files.keys(), reverse=True):
            remove(path)
        for path, content in self._kept.items():
            mode, user, group, _, changed = self._files[path]
            if self._look_at(path) != self._files[path]:
                path.unlink(missing_ok=True)
                path.write_bytes(content)
                path.chmod(mode)
                os.chown(path, user, group)
                os.utime(path, ns=(changed, changed))

    def _look(self) -> dict[Path, tuple[int, int, int, str, int]]:
        return {path: self._look_at(path) for path in self._paths()}

    def _paths(self) -> list[Path]:
        return [path for path in self._root.rglob("*") if self._apart.isdisjoint([path, *path.parents])]

    @staticmethod
    def _look_at(path: Path) -> tuple[int, int, int, str, int]:
        """(mode, user, group, digest, time of change): of a folder the names in it stand for the last two."""
        try:
            found = path.lstat()
        except FileNotFoundError:
            return 0, 0, 0, "", 0
        regular = stat.S_ISREG(found.st_mode)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12] if regular else ""
        return found.st_mode, found.st_uid, found.st_gid, digest, found.st_mtime_ns if regular else 0

    def _dropped(self) -> list[Path]:
        found = []
        for folder in PUBLIC:
            with contextlib.suppress(OSError):
                found += [Path(entry.path) for entry in os.scandir(folder) if self._mark in entry.name]
        return found


def remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def own_state() -> dict[str, object]:
    """What an attack might change in the process that grades."""
    limits = [name for name in dir(resource) if name.startswith("RLIMIT_")]
    return {
        "environment": {k: v for k, v in os.environ.items() if k != "PYTEST_CURRENT_TEST"},
        "working folder": os.getcwd(),
        "limits": [resource.getrlimit(getattr(resource, name)) for name in limits],
        # Without the one that pytest-timeout sets anew for each test.
        "signal handlers": [signal.getsignal(number) for number in sorted(signal.valid_signals() - {signal.SIGALRM})],
        "descriptors": len(os.listdir("/proc/self/fd")),
        "niceness": os.nice(0),
        "affinity": os.sched_getaffinity(0),
        "scheduler": os.sched_getscheduler(0),
        "users": (os.getresuid(), os.getresgid()),
        "module of the submission": sys.modules.get("work"),
        "np.testing": {name: id(value) for name, value in vars(np.testing).items()},
        "builtins": {name: id(value) for name, value in vars(builtins).items() if name != "_"},
    }


def system_v(key: int) -> list[str]:
    """Which of System V's tables hold something with this key."""
    found = []
    for name in ("shm", "sem", "msg"):
        with contextlib.suppress(OSError):
            rows = [line.split() for line in Path("/proc/sysvipc", name).read_text("ascii").splitlines()[1:]]
            found += [name for row in rows if int(row[0]) & 0xFFFFFFFF == key]
    return found


def reached(end: socket.socket) -> bool:
    """Whether somebody has connected, or sent something; it is then forgotten."""
    found = False
    with contextlib.suppress(BlockingIOError):
        while True:
            if end.type == socket.SOCK_STREAM:
                end.accept()[0].close()
            else:
                end.recv(1)
            found = True
    return found


def children(pid: int) -> set[int]:
    """All processes that descend from a process and still run."""
    parents: dict[int, int] = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                state, parent = Path(entry.path, "stat").read_text("utf-8").rpartition(") ")[2].split()[:2]
                if state != "Z":
                    parents[int(entry.name)] = int(parent)
    found: set[int] = set()
    grown = {pid}
    while grown:
        grown = {child for child, parent in parents.items() if parent in grown}
        found |= grown
    return found


def gone(strangers: Callable[[], set[int]]) -> list[str]:
    """Wait until processes that should end have ended; kills the others, and names them."""
    names = []
    for pid in strangers():
        try:
            watched = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        with open(watched):
            if not select.select([watched], [], [], PATIENCE)[0]:
                names.append(Path(f"/proc/{pid}/cmdline").read_text("utf-8").replace("\0", " ")[:80])
                os.kill(pid, signal.SIGKILL)
    return names
