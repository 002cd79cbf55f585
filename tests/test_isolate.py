import ctypes
import errno
import os
import resource
from pathlib import Path

import pytest

from grader.errors import SandboxError
from grader.sandbox import isolate, landlock
from grader.sandbox.isolate import Bounds
from tests.child import run

BOUNDS = Bounds(cpu_seconds=5, memory_mb=256, scratch_mb=1)
LANDLOCK = pytest.mark.skipif(landlock.version() < 6, reason="this kernel's Landlock knows no scopes")
ISOLATED = """
    import os, sys
    from pathlib import Path
    from grader.sandbox.isolate import Bounds, isolate
    from grader.sandbox.level import Layer
    scratch = Path(sys.argv[1])
    os.chdir(scratch)
    layers = [Layer(name) for name in sys.argv[2].split()]
    isolate(layers, Bounds(cpu_seconds=5, memory_mb=256, scratch_mb=1), scratch, 1)
    def attempt(action):
        try:
            return action()
        except (OSError, MemoryError) as error:
            return type(error).__name__
"""


def isolated(scratch, code, layers="landlock scope seccomp"):
    return run(ISOLATED + code, scratch, layers)


@LANDLOCK
def test_a_worker_keeps_its_folder_and_its_libraries_and_loses_the_rest(tmp_path):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    (tmp_path / "secret").write_text("42")
    code = """
    import colorsys, socket, subprocess
    print(attempt(lambda: Path("kept").write_text("x")))
    print(attempt((scratch.parent / "secret").read_text), attempt(os.fork), attempt(socket.socket))
    print(attempt(lambda: subprocess.run(["true"])), attempt(lambda: os.kill(os.getppid(), 0)))
    print(oct(os.stat("kept").st_mode)[-3:])
    """
    assert isolated(scratch, code).split() == ["1", *["PermissionError"] * 5, "600"]


@LANDLOCK
def test_what_it_uses_is_bounded(tmp_path):
    code = """
    import resource
    print(attempt(lambda: bytearray(512 << 20)), len(bytearray(128 << 20)) >> 20)
    print(attempt(lambda: open("big", "wb").write(bytes(2 << 20))) == "OSError" or os.stat("big").st_size)
    print(resource.getrlimit(resource.RLIMIT_CPU), resource.getrlimit(resource.RLIMIT_CORE))
    print(attempt(lambda: [open("/dev/null") for _ in range(300)]))
    """
    assert isolated(tmp_path, code).splitlines() == ["MemoryError 128", "True", "(5, 6) (0, 0)", "OSError"]


@LANDLOCK
def test_it_has_no_powers_and_cannot_get_any(tmp_path):
    code = """
    print(attempt(lambda: os.setuid(0)), attempt(lambda: os.chown("/dev/null", 0, 0)), attempt(lambda: os.chmod(".", 0)))
    """
    assert set(isolated(tmp_path, code).split()) == {"PermissionError"}


def test_capabilities_are_gone_for_good():
    code = """
    from grader.sandbox.isolate import drop_capabilities
    drop_capabilities()
    status = dict(line.split(":") for line in open("/proc/self/status"))
    print(int(status["CapEff"], 16), int(status["CapPrm"], 16), int(status["CapInh"], 16), int(status["CapAmb"], 16))
    """
    assert run(code) == "0 0 0 0"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_another_user_owns_its_folder_and_nothing_else(tmp_path):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    secret = tmp_path / "secret"
    secret.write_text("42")
    secret.chmod(0o600)
    tmp_path.chmod(0o755)
    code = """
    import os, sys
    from pathlib import Path
    from grader.sandbox.isolate import FIRST_USER, become
    scratch = Path(sys.argv[1])
    descriptor = os.open(scratch, os.O_RDONLY)
    become(FIRST_USER + 1, scratch)
    print(os.getresuid() == os.getresgid() == (FIRST_USER + 1,) * 3, os.getgroups(), os.fstat(descriptor).st_uid - FIRST_USER)
    """
    assert run(code, scratch) == "True [] 1"


def test_a_hard_limit_of_the_machine_is_kept(monkeypatch):
    asked = {}
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (resource.RLIM_INFINITY, 100))
    monkeypatch.setattr(resource, "setrlimit", asked.__setitem__)
    isolate.limit(BOUNDS)
    assert asked[resource.RLIMIT_NOFILE] == (100, 100)
    assert asked[resource.RLIMIT_CPU] == (5, 6)


def test_what_another_system_does_not_know_is_left_out(monkeypatch, tmp_path):
    asked = {}
    monkeypatch.setattr(isolate, "SIZE", tmp_path / "missing")
    monkeypatch.delattr(resource, "RLIMIT_MSGQUEUE")
    monkeypatch.setattr(resource, "setrlimit", asked.__setitem__)
    isolate.limit(BOUNDS)
    assert resource.RLIMIT_AS not in asked
    assert len(asked) == 5


def test_a_limit_that_is_refused_is_an_error(monkeypatch):
    def refuse(kind, values):
        raise ValueError("not allowed to raise maximum limit")

    monkeypatch.setattr(resource, "setrlimit", refuse)
    with pytest.raises(SandboxError, match="the limit CPU is refused: not allowed to raise"):
        isolate.limit(BOUNDS)


def test_a_user_that_is_refused_is_an_error(monkeypatch):
    def refuse(*arguments):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "chown", refuse)
    with pytest.raises(SandboxError, match=r"another user is refused: .*Operation not permitted"):
        isolate.become(1, Path("."))


@pytest.mark.parametrize("which", ["prctl", "capset"])
def test_capabilities_that_cannot_be_dropped_are_an_error(monkeypatch, which):
    class Library:
        def __getattr__(self, name):
            def call(*arguments):
                ctypes.set_errno(errno.EPERM)
                return -1 if name == which else 0

            return call

    monkeypatch.setattr(isolate, "_libc", Library())
    with pytest.raises(SandboxError, match=r"is refused: Operation not permitted"):
        isolate.drop_capabilities()
