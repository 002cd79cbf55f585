"""Landlock: the process gives up files, TCP, signals and abstract sockets, for good. Linux 5.13 or newer.

Source: landlock(7) and the kernel's include/uapi/linux/landlock.h. The numbers of its system calls are the same on
all architectures.
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct
from collections.abc import Iterable
from pathlib import Path

from grader.errors import SandboxError

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
VERSION = 1  # flag: tell the version of the interface
PATH_BENEATH = 1
PR_SET_NO_NEW_PRIVS = 38

READ_FILE, READ_DIR, EXECUTE, IOCTL_DEV = 1 << 2, 1 << 3, 1 << 0, 1 << 15
OF_FILES = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 14 | 1 << 15  # execute, write, read, truncate, ioctl: not of folders alone
RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}  # by version of the interface: how many rights over files it knows
NET = 0b11  # bind and connect of TCP
SCOPES = 0b11  # abstract sockets and signals

_libc = ctypes.CDLL(None, use_errno=True)


def version() -> int:
    """The version of the kernel's interface; 0 where there is none."""
    known: int = _libc.syscall(ctypes.c_long(CREATE_RULESET), None, ctypes.c_size_t(0), ctypes.c_uint(VERSION))
    return max(0, known)


def restrict(readable: Iterable[Path], writable: Iterable[Path], *, scope: bool) -> None:
    """Leave this process and its threads these files and folders, and what is in them; nothing can be executed.

    Args:
        readable: what may be read; what does not exist is passed over.
        writable: what may be read, written, created and removed.
        scope: refuse signals to, and abstract sockets of, other processes as well.

    Raises:
        SandboxError: the kernel refuses, or does not know how.
    """
    known = version()
    if known < 1:
        raise SandboxError("this kernel has no Landlock")
    if scope and known < 6:
        raise SandboxError(f"this kernel's Landlock (version {known}) cannot refuse signals and abstract sockets")
    files = (1 << RIGHTS[min(known, 5)]) - 1
    attributes = struct.pack("=QQQ", files, NET if known >= 4 else 0, SCOPES if scope else 0)
    attributes = attributes[: 8 if known < 4 else 16 if known < 6 else 24]
    ruleset = _call(CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint(0))
    try:
        for path in readable:
            _allow(ruleset, path, READ_FILE | READ_DIR)
        for path in writable:
            _allow(ruleset, path, files & ~(EXECUTE | IOCTL_DEV))
        if _libc.prctl(PR_SET_NO_NEW_PRIVS, *map(ctypes.c_ulong, (1, 0, 0, 0))):
            raise SandboxError(f"no_new_privs is refused: {os.strerror(ctypes.get_errno())}")
        _call(RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint(0))
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: Path, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(place).st_mode):
            rights &= OF_FILES
        rule = struct.pack("=Qi", rights, place)
        _call(ADD_RULE, ctypes.c_int(ruleset), ctypes.c_int(PATH_BENEATH), rule, ctypes.c_uint(0))
    finally:
        os.close(place)


def _call(number: int, *arguments: object) -> int:
    result: int = _libc.syscall(ctypes.c_long(number), *arguments)
    if result < 0:
        raise SandboxError(f"Landlock is refused: {os.strerror(ctypes.get_errno())}")
    return result
