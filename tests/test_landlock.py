import ctypes
import errno
import os

import pytest

from grader.errors import SandboxError
from grader.sandbox import landlock
from tests.child import run

HAS = landlock.version()
needs_landlock = pytest.mark.skipif(not HAS, reason="this kernel has no Landlock")
needs_scopes = pytest.mark.skipif(HAS < 6, reason=f"Landlock {HAS} knows no scopes")

RESTRICTED = """
    import os, socket, sys, signal
    from pathlib import Path
    from grader.sandbox import landlock
    folder, scope = Path(sys.argv[1]), sys.argv[2] == "True"
    readable, writable, hidden = folder / "readable", folder / "writable", folder / "hidden"
    landlock.restrict([readable, folder / "missing", Path("/dev/null")], [writable], scope=scope)
    def attempt(action):
        try:
            action()
        except OSError as error:
            return type(error).__name__
        return "done"
    parent = os.getppid()
    for action in [
        lambda: (readable / "file").read_text(),
        lambda: Path("/dev/null").read_text(),
        lambda: (readable / "new").write_text("x"),
        lambda: (writable / "new").write_text("x"),
        lambda: (writable / "new").unlink(),
        lambda: (hidden / "file").read_text(),
        lambda: os.listdir(hidden),
        lambda: os.execv("/bin/true", ["true"]),
        lambda: os.link(writable / "file", readable / "link"),
        lambda: os.kill(parent, 0),
    ]:
        print(attempt(action))
"""


@pytest.fixture
def folder(tmp_path):
    for name in ("readable", "writable", "hidden"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("text")
    return tmp_path


@needs_landlock
def test_only_what_is_listed_can_be_used_and_only_as_it_is_listed(folder):
    assert run(RESTRICTED, folder, False).split() == [
        "done", "done", "PermissionError", "done", "done",
        "PermissionError", "PermissionError", "PermissionError", "PermissionError", "done",
    ]  # fmt: skip


@needs_scopes
def test_with_scopes_other_processes_cannot_be_signalled(folder):
    assert run(RESTRICTED, folder, True).split()[-1] == "PermissionError"


def test_a_kernel_without_landlock_is_said_to_have_none(monkeypatch):
    monkeypatch.setattr(landlock, "_libc", Refusing())
    assert landlock.version() == 0
    with pytest.raises(SandboxError, match="this kernel has no Landlock"):
        landlock.restrict([], [], scope=False)


def test_scopes_are_not_promised_by_a_kernel_that_does_not_know_them(monkeypatch):
    monkeypatch.setattr(landlock, "version", lambda: 5)
    with pytest.raises(SandboxError, match=r"version 5.*cannot refuse signals and abstract sockets"):
        landlock.restrict([], [], scope=True)


@pytest.mark.parametrize(("known", "size"), [(1, 8), (3, 8), (4, 16), (5, 16), (6, 24), (9, 24)])
def test_a_kernel_is_asked_in_the_size_that_its_version_knows(monkeypatch, known, size):
    sizes = []

    class Recording(Refusing):
        def syscall(self, number, attributes, length, flags):
            sizes.append(length.value)
            return super().syscall()

    monkeypatch.setattr(landlock, "version", lambda: known)
    monkeypatch.setattr(landlock, "_libc", Recording())
    with pytest.raises(SandboxError, match="Landlock is refused: Operation not permitted"):
        landlock.restrict([], [], scope=known >= 6)
    assert sizes == [size]


def test_a_process_that_may_gain_privileges_is_not_called_restricted(monkeypatch, tmp_path):
    class NoNewPrivileges(Refusing):
        def syscall(self, *arguments):
            return os.open(tmp_path, os.O_RDONLY)  # a ruleset, to be closed

    monkeypatch.setattr(landlock, "version", lambda: 6)
    monkeypatch.setattr(landlock, "_libc", NoNewPrivileges())
    with pytest.raises(SandboxError, match="no_new_privs is refused: Operation not permitted"):
        landlock.restrict([], [], scope=True)


class Refusing:
    """A C library whose kernel refuses everything."""

    def syscall(self, *arguments):
        ctypes.set_errno(errno.EPERM)
        return -1

    prctl = syscall
