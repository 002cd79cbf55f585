"""What a worker gives up, in the process that was forked for it and before any submitted code runs.

Everything here raises SandboxError if the machine refuses: a worker that is less isolated than its level says never
gets a submission.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from grader.errors import SandboxError
from grader.sandbox import landlock, seccomp
from grader.sandbox.bubblewrap import readable
from grader.sandbox.level import Layer

MIB = 1 << 20
FILES = 256  # open files
SIZE = Path("/proc/self/statm")  # in pages, the first number
DEVICES = tuple(Path("/dev", name) for name in ("zero", "urandom", "random"))
FIRST_USER = 0x7FFE0000  # users of nobody: one for each worker of a server
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_SECUREBITS, PR_CAP_AMBIENT = 1, 4, 24, 28, 47
CAP_AMBIENT_CLEAR_ALL = 4
CAP_SETPCAP = 1 << 8
SECURE_BITS = 0b10101111  # root is a user like any other, for good
CAPABILITY_VERSION_3 = 0x20080522

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Bounds:
    """What a worker may use: the part of `grader.model.Limits` that it puts on itself."""

    cpu_seconds: float
    memory_mb: float
    scratch_mb: float
    withheld: Sequence[str] = ()  # libraries


def isolate(layers: Iterable[Layer], bounds: Bounds, scratch: Path, number: int) -> None:
    """Give up all that the layers take away. The process has one thread.

    Args:
        scratch: the only folder that can be written.
        number: of the worker: no two at a time have the same.

    Raises:
        SandboxError: the machine refuses.
    """
    wanted = frozenset(layers)
    os.umask(0o077)
    limit(bounds)
    if Layer.USER in wanted:
        become(FIRST_USER + number % 0xFFFF, scratch)
    drop_capabilities()
    end_with_parent()
    if Layer.LANDLOCK in wanted:
        landlock.restrict(
            [*readable(*bounds.withheld), *DEVICES], [scratch, Path(os.devnull)], scope=Layer.SCOPE in wanted
        )
    if Layer.SECCOMP in wanted:
        _prctl(PR_SET_DUMPABLE, 0)  # nobody of this user looks into it
        seccomp.install(os.getpid())


def keep_only(*descriptors: int) -> None:
    """Close every other descriptor; standard input and outputs lead nowhere."""
    quiet = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(quiet, standard)
    first = 3
    for kept in sorted(descriptors):
        os.closerange(first, kept)
        first = kept + 1
    os.closerange(first, os.sysconf("SC_OPEN_MAX"))


def limit(bounds: Bounds) -> None:
    """Set what the kernel counts.

    Raises:
        SandboxError: the kernel refuses. What another system than Linux does not know is left out.
    """
    seconds, scratch = max(1, round(bounds.cpu_seconds)), int(bounds.scratch_mb * MIB)
    wanted: dict[str, tuple[int, int]] = {  # soft, hard
        "CPU": (seconds, seconds + 1),
        "FSIZE": (scratch, scratch),
        "NOFILE": (FILES, FILES),
        "CORE": (0, 0),
        "MEMLOCK": (0, 0),
        "MSGQUEUE": (0, 0),
    }
    if SIZE.exists():  # on top of what the process has now: libraries take more than they use
        taken = int(SIZE.read_text("ascii").split()[0]) * resource.getpagesize()
        wanted["AS"] = (taken + int(bounds.memory_mb * MIB),) * 2
    for name, (soft, hard) in wanted.items():
        kind = getattr(resource, f"RLIMIT_{name}", None)
        if kind is None:
            continue
        try:
            most = resource.getrlimit(kind)[1]
            allowed = hard if most == resource.RLIM_INFINITY else min(hard, most)
            resource.setrlimit(kind, (min(soft, allowed), allowed))
        except (OSError, ValueError) as refused:
            raise SandboxError(f"the limit {name} is refused: {refused}") from None


def become(user: int, scratch: Path) -> None:
    """Go on as another user, who owns nothing but the scratch folder; takes root."""
    try:
        os.chown(scratch, user, user)
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    except OSError as refused:
        raise SandboxError(f"another user is refused: {refused}") from None


def drop_capabilities() -> None:
    """Give up the powers of root, for good, also for what root would execute."""
    status = Path("/proc/self/status").read_text("ascii")
    if int(status.partition("CapEff:")[2].split()[0], 16) & CAP_SETPCAP:
        last = int(Path("/proc/sys/kernel/cap_last_cap").read_text("ascii"))
        for capability in range(last + 1):
            _prctl(PR_CAPBSET_DROP, capability)
        _prctl(PR_SET_SECUREBITS, SECURE_BITS)
    _prctl(PR_CAP_AMBIENT, CAP_AMBIENT_CLEAR_ALL)
    if _libc.capset(struct.pack("=Ii", CAPABILITY_VERSION_3, 0), bytes(24)):
        raise SandboxError(f"dropping capabilities is refused: {os.strerror(ctypes.get_errno())}")


def end_with_parent() -> None:
    """Be killed when the server ends. Asked for after the change of user, which would forget it."""
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _prctl(option: int, *values: int) -> None:
    arguments = [ctypes.c_ulong(value) for value in (*values, 0, 0, 0, 0)[:4]]
    if _libc.prctl(ctypes.c_int(option), *arguments):
        raise SandboxError(f"prctl {option} is refused: {os.strerror(ctypes.get_errno())}")
