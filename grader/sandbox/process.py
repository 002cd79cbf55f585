"""The processes that hold submissions: forked from a warm server and isolated, or, at level E, started afresh."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import site
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Collection
from pathlib import Path
from typing import IO, Any, Protocol

from grader.errors import SandboxError
from grader.model import Limits
from grader.sandbox import bubblewrap
from grader.sandbox.channel import Channel, pair
from grader.sandbox.level import Layer
from grader.sandbox.scratch import remove

# One thread: a class is graded on few cores, and results must not depend on how many there are.
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "MPLBACKEND": "Agg",
    "PYTHONHASHSEED": "0",
    "LANG": "C.UTF-8",
    # Freed memory is kept: pages that were faulted in for one large array serve the next, in half the time.
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(256 << 20),
    "PATH": "/usr/bin:/bin",
    "PYTHONUSERBASE": site.getuserbase(),  # there is no home folder to find it in
}
KEPT = ("PATH", "LD_LIBRARY_PATH", "CUDA_HOME", "CUDA_VISIBLE_DEVICES")  # where nothing is kept from a worker anyway
PYTHON = [sys.executable, "-P", "-B", "-m"]  # nothing is taken from the working folder, nothing written beside a module
CPUCLOCK_SCHED = 2  # Linux: with a process id, the clock of the time that it was scheduled (clock_getcpuclockid(3))
START_SECONDS = 120.0  # for a server to load its libraries, on a machine that has much else to do
ANSWER_SECONDS = 30.0  # for a server to fork a worker, or to remove what one has left
END_SECONDS = 5.0  # for a server to see that nobody asks any more
PACKET = 1 << 16
MESSAGE = 2000
OUT_OF_TIME = "it used more processor time than it may"
ENDED = {  # by the signal's name, because not every system has them all
    "SIGXCPU": OUT_OF_TIME,
    "SIGSEGV": "segmentation fault",
    "SIGABRT": "aborted, for example because memory ran out",
    "SIGKILL": "killed, for example because memory ran out",
}


class Process(Protocol):
    """A running worker: its channel, and its private scratch folder as it calls it."""

    channel: Channel
    scratch: Path

    def cpu_seconds(self) -> float | None:
        """Processor time that the process has used; None where the system does not tell."""

    def waited_seconds(self) -> float | None:
        """Time in which its first thread could have computed, but others had the processor; likewise."""

    def peak_bytes(self) -> int | None:
        """The most memory that it has had; likewise."""

    def exit_text(self) -> str:
        """How the process ended, in words; empty while it runs."""

    def kill(self) -> None:
        """End the process and all that it started; remove its folder."""


class Spawned:
    """A worker that is started afresh, and is kept from nothing.

    Args:
        modules: that it loads before its memory is limited.
        shared: the descriptor of memory that it gets.
    """

    def __init__(self, limits: Limits, modules: Collection[str] = (), shared: int | None = None) -> None:
        self.scratch = Path(tempfile.mkdtemp(prefix="grader-"))
        ours, theirs = pair()
        with theirs:
            ends = [theirs.fileno(), *([] if shared is None else [shared])]
            self._process = subprocess.Popen(
                [*PYTHON, "grader.sandbox.standalone", ",".join(map(str, ends)), json.dumps(_bounds(limits)), *modules],
                pass_fds=ends,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=self.scratch,
                env=_environment() | {"HOME": str(self.scratch), "TMPDIR": str(self.scratch)},
                start_new_session=True,
            )
        self.channel = Channel(ours)

    def cpu_seconds(self) -> float | None:
        return _cpu_seconds(self._process.pid)

    def waited_seconds(self) -> float | None:
        return waited_seconds(self._process.pid)

    def peak_bytes(self) -> int | None:
        return _peak_bytes(self._process.pid)

    def exit_text(self) -> str:
        try:
            return _ended(self._process.wait(timeout=1))
        except subprocess.TimeoutExpired:
            return ""

    def kill(self) -> None:
        self.channel.close()
        if os.name == "posix":
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()
        self._process.wait()
        with contextlib.suppress(OSError):  # what it has started may still be at work there
            remove(self.scratch)


class Forked:
    """A worker that a server has forked and isolated."""

    def __init__(self, server: Server, layers: Collection[Layer], limits: Limits, shared: int | None = None) -> None:
        ours, theirs = pair()
        with theirs:
            try:
                request = {"fork": {"layers": sorted(layers), "bounds": _bounds(limits)}}
                ends = [theirs.fileno(), *([] if shared is None else [shared])]
                answer, descriptors = server.ask(request, *ends)
            except BaseException:
                ours.close()
                raise
        self.channel = Channel(ours)
        self.scratch = Path(answer["scratch"])
        self._server, self._number, self._pidfd = server, answer["pid"], descriptors[0]
        self._status: int | None = None
        try:
            self._pid = _pid(self._pidfd)
        except SandboxError:
            self.kill()
            raise

    def cpu_seconds(self) -> float | None:
        return _cpu_seconds(self._pid)

    def waited_seconds(self) -> float | None:
        return waited_seconds(self._pid)

    def peak_bytes(self) -> int | None:
        return _peak_bytes(self._pid)

    def exit_text(self) -> str:
        if self._status is None:
            ended, _, _ = select.select([self._pidfd], [], [], 1)
            if not ended:
                return ""
            self._end()
        assert self._status is not None
        return _ended(os.waitstatus_to_exitcode(self._status))

    def kill(self) -> None:
        self.channel.close()
        if self._status is None:
            with contextlib.suppress(SandboxError):  # a server that is gone has taken its workers with it
                self._end()

    def _end(self) -> None:
        os.close(self._pidfd)
        self._status = signal.SIGKILL  # what it was, if the server cannot tell
        self._status = self._server.ask({"end": self._number})[0]["status"]


class Server:
    """A running fork server.

    Args:
        modules: that it has loaded, besides NumPy.
        scratch_mb: MiB for the folders of its workers, where that can be limited.
        inside: run it inside bubblewrap.

    Raises:
        SandboxError: it did not start.
    """

    def __init__(self, modules: Collection[str], scratch_mb: float, *, inside: bool) -> None:
        self.modules, self.scratch_mb, self.inside = frozenset(modules), scratch_mb, inside
        self._one_at_a_time = threading.Lock()
        self._folder = Path(tempfile.mkdtemp(prefix="grader-"))
        self._folder.chmod(0o711)  # a worker that is another user must get to its own folder
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with contextlib.ExitStack() as undo, tempfile.TemporaryFile() as errors:
            undo.callback(self._remove)
            with theirs:
                self._process = self._start(theirs.fileno(), errors)
            undo.push(lambda *failed: self.kill())
            try:
                self._receive(START_SECONDS)
            except SandboxError as problem:
                self.kill()
                errors.seek(0)
                said = errors.read(MESSAGE).decode(errors="replace").strip().splitlines()
                raise SandboxError(f"{problem}: {said[-1]}" if said else str(problem)) from None
            undo.pop_all()

    def _start(self, descriptor: int, errors: IO[bytes]) -> subprocess.Popen[bytes]:
        place = bubblewrap.SCRATCH if self.inside else self._folder
        run = [*PYTHON, "grader.sandbox.server", str(descriptor), str(place), *sorted(self.modules)]
        if self.inside:
            run = bubblewrap.command(
                run, readable=bubblewrap.libraries(), environment=ENVIRONMENT, scratch_mb=self.scratch_mb
            )
        try:
            return subprocess.Popen(
                run,
                pass_fds=[descriptor],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                cwd=self._folder,
                env=ENVIRONMENT,
                start_new_session=True,
            )
        except OSError as missing:
            raise SandboxError(f"{run[0]} cannot be started: {missing}") from None

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def ask(self, request: dict[str, Any], *descriptors: int) -> tuple[dict[str, Any], list[int]]:
        """Its answer to a request (see `grader.sandbox.server`), and the descriptors that came with it.

        Raises:
            SandboxError: it refuses, is gone, or does not answer.
        """
        with self._one_at_a_time:
            try:
                socket.send_fds(self._control, [json.dumps(request).encode()], descriptors)
            except OSError as gone:
                raise SandboxError(f"the fork server is gone ({gone})") from None
            return self._receive(ANSWER_SECONDS)

    def close(self) -> None:
        """End the server and its workers."""
        self._control.close()
        try:
            self._process.wait(timeout=END_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
        self._remove()

    def kill(self) -> None:
        """End it at once, bubblewrap and what runs inside."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _remove(self) -> None:
        self._control.close()
        with contextlib.suppress(OSError):
            remove(self._folder)

    def _receive(self, seconds: float) -> tuple[dict[str, Any], list[int]]:
        self._control.settimeout(seconds)
        try:
            message, descriptors, _, _ = socket.recv_fds(self._control, PACKET, 1)
        except TimeoutError:
            self.kill()  # a late answer would be taken for that to another request
            raise SandboxError(f"the fork server did not answer within {seconds:g} s") from None
        except OSError as gone:
            raise SandboxError(f"the fork server is gone ({gone})") from None
        if not message:
            raise SandboxError("the fork server ended")
        answer = json.loads(message)
        if "error" in answer:
            raise SandboxError(f"a worker cannot be isolated: {answer['error']}")
        return answer, descriptors


def _environment() -> dict[str, str]:
    """Of a worker at level E: it finds compilers, GPUs, and the packages that this process finds."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    if folders := os.environ.get("PYTHONPATH"):
        kept["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, folders.split(os.pathsep)))
    return ENVIRONMENT | kept


def _bounds(limits: Limits) -> dict[str, Any]:
    """The limits that a worker puts on itself (see `grader.sandbox.isolate.Bounds`)."""
    return {name: getattr(limits, name) for name in ("cpu_seconds", "memory_mb", "scratch_mb", "withheld")}


def _pid(pidfd: int) -> int:
    """The number that a process has here; inside bubblewrap it has another."""
    for line in Path(f"/proc/self/fdinfo/{pidfd}").read_text("ascii").splitlines():
        if line.startswith("Pid:") and int(line.split()[1]) > 0:  # -1 if it has ended
            return int(line.split()[1])
    raise SandboxError("a worker ended before it got any code, or the kernel does not tell its number")


def _cpu_seconds(pid: int) -> float | None:
    try:
        return time.clock_gettime((~pid << 3) | CPUCLOCK_SCHED)
    except (OSError, AttributeError):
        return None


def waited_seconds(task: int | str) -> float | None:
    """Time in which a thread, by its name in /proc, could have computed, but others had the processor; None where the
    system does not tell."""
    try:
        computed, waited, _ = Path(f"/proc/{task}/schedstat").read_text("ascii").split()
    except (OSError, ValueError):
        return None
    return int(waited) * 1e-9 if int(computed) else None  # a kernel that does not count says 0 of both


def _peak_bytes(pid: int) -> int | None:
    try:
        lines = Path(f"/proc/{pid}/status").read_text("ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM:")), None)


def _ended(code: int) -> str:
    if code >= 0:
        return f"exit status {code}"
    name = next((known.name for known in signal.Signals if known == -code), "")
    return f"killed by signal {-code}" + (f": {ENDED[name]}" if name in ENDED else "")
