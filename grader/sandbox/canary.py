"""A hostile submission of our own: what it can do at a level, another one can, too.

Runs in a worker, the way every submission does, and is never imported elsewhere. `attempt` says of each attempt
whether it got through ("" if so) or what stopped it.
"""

import colorsys  # not loaded by the server: libraries must be within reach
import ctypes
import mmap
import os
import resource
import signal
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

LIBC = ctypes.CDLL(None, use_errno=True)
PTRACE_ATTACH, PTRACE_DETACH = 16, 17
CLONE_NEWUSER = 0x10000000
MPTCP = 262


def attempt(target: dict[str, Any]) -> dict[str, str]:
    """Try everything on what the target names."""
    return {name: _try(function, target) for name, function in {**HARMFUL, **HARMLESS}.items()}


def _try(function: Callable[[dict[str, Any]], Any], target: dict[str, Any]) -> str:
    try:
        function(target)
    except OSError as error:
        return f"{type(error).__name__}: {os.strerror(error.errno) if error.errno else error}"
    except BaseException as error:
        return f"{type(error).__name__}: {error}"
    return ""


def _checked(result: int) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _fork(target: dict[str, Any]) -> None:
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitpid(child, 0)


def _read_memory(target: dict[str, Any]) -> None:
    class Part(ctypes.Structure):
        _fields_ = (("place", ctypes.c_void_p), ("size", ctypes.c_size_t))

    data = ctypes.create_string_buffer(8)
    here, there = Part(ctypes.addressof(data), 8), Part(id(None), 8)
    _checked(LIBC.process_vm_readv(target["pid"], ctypes.byref(here), 1, ctypes.byref(there), 1, 0))


def _trace(target: dict[str, Any]) -> None:
    _checked(LIBC.ptrace(PTRACE_ATTACH, target["pid"], None, None))
    os.waitpid(target["pid"], 0)
    LIBC.ptrace(PTRACE_DETACH, target["pid"], None, None)


def _connect(family: int, kind: int, protocol: int, address: Any) -> None:
    with socket.socket(family, kind, protocol) as end:
        end.settimeout(2)
        end.connect(address)
        end.send(b"canary")


def _inherited(target: dict[str, Any]) -> None:
    others = []
    for descriptor in range(3, 1024):
        try:
            os.fstat(descriptor)
        except OSError:
            continue
        others.append(descriptor)
    if len(others) <= 1:  # the channel
        raise PermissionError("nothing was inherited")


def _environment(target: dict[str, Any]) -> None:
    if target["variable"] not in os.environ:
        raise PermissionError("the environment is clean")


HARMFUL: dict[str, Callable[[dict[str, Any]], Any]] = {
    "read a private file": lambda t: Path(t["private"]).read_bytes(),
    "read a file that everybody may read": lambda t: Path(t["public"]).read_bytes(),
    "see that a file exists": lambda t: os.stat(t["public"]),
    "list a folder": lambda t: os.listdir(t["folder"]),
    "change a file": lambda t: Path(t["private"]).write_bytes(b"canary"),
    "make a file": lambda t: Path(t["folder"], "made").write_bytes(b"canary"),
    "remove a file": lambda t: os.unlink(t["victim"]),
    "change the rights of a file": lambda t: os.chmod(t["private"], 0o777),
    "run a program": lambda t: os.execv(t["program"], [t["program"], t["folder"]]),
    "fork": _fork,
    "signal the grader": lambda t: os.kill(t["pid"], signal.SIGURG),  # which is ignored, unless somebody asks for it
    "look into the grader's memory": _read_memory,
    "trace the grader": _trace,
    "limit the grader": lambda t: resource.prlimit(t["pid"], resource.RLIMIT_CORE),
    "see the grader's environment": lambda t: Path(f"/proc/{t['pid']}/environ").read_bytes(),
    "connect by TCP": lambda t: _connect(socket.AF_INET, socket.SOCK_STREAM, 0, ("127.0.0.1", t["tcp"])),
    "connect by MPTCP": lambda t: _connect(socket.AF_INET, socket.SOCK_STREAM, MPTCP, ("127.0.0.1", t["tcp"])),
    "send by UDP": lambda t: _connect(socket.AF_INET, socket.SOCK_DGRAM, 0, ("127.0.0.1", t["udp"])),
    "connect to a socket file": lambda t: _connect(socket.AF_UNIX, socket.SOCK_STREAM, 0, t["socket"]),
    "connect to an abstract socket": lambda t: _connect(socket.AF_UNIX, socket.SOCK_STREAM, 0, "\0" + t["abstract"]),
    "make a user namespace": lambda t: _checked(LIBC.unshare(CLONE_NEWUSER)),
    "make a file in memory": lambda t: os.close(os.memfd_create("canary")),
    "make shared memory": lambda t: _checked(LIBC.shmget(0, 4096, 0o600)),
    "use an inherited descriptor": _inherited,
    "read the grader's variables": _environment,
}


def _scratch(target: dict[str, Any]) -> None:
    Path("kept").write_bytes(b"canary")
    with open("kept", "r+b") as file, mmap.mmap(file.fileno(), 0) as view:
        view[0] = 67
    if Path("kept").read_bytes() != b"Canary":
        raise OSError("what was written is not there")
    os.unlink("kept")


def _thread(target: dict[str, Any]) -> None:
    thread = threading.Thread(target=threading.get_ident)
    thread.start()
    thread.join()


def _compute(target: dict[str, Any]) -> None:
    square = np.linalg.inv(np.eye(50) * 2)
    if colorsys.hsv_to_rgb(0, 0, square[0, 0]) != (0.5, 0.5, 0.5):
        raise ArithmeticError("a matrix was inverted wrongly")


HARMLESS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "keep files in its own folder": _scratch,
    "start a thread": _thread,
    "compute": _compute,
}
