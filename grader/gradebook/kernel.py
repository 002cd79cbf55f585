"""A notebook's kernel, which gives up what it does not need before it serves; `grader.gradebook.client` starts it.

bubblewrap is around it: names, processes and network of its own, libraries read-only, no capabilities. In here come
limits of memory, processor time, files and their size; Landlock, which leaves it the libraries, the released files and
its folder, and, where Linux is new enough, no signal to its client; and a filter of system calls, which leaves it no
other process or program, and no socket that is not a file.
"""

from __future__ import annotations

import ctypes
import errno
import importlib
import json
import os
import platform
import struct
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from grader.errors import SandboxError
from grader.sandbox import landlock, seccomp, syscalls
from grader.sandbox.bubblewrap import SCRATCH, libraries
from grader.sandbox.isolate import DEVICES, Bounds, drop_capabilities, end_with_parent, limit

CPUINFO = Path("/proc/cpuinfo")  # torch complains if it cannot read that
SCOPED = 6  # from this version on, Landlock refuses signals to others

# A kernel has no use for these calls: they make processes and programs, reach into others, or open parts of Linux in
# which mistakes are found every year. That files have no rights for them is Landlock's business.
REFUSED = (
    "fork vfork execve execveat uselib ptrace process_vm_readv process_vm_writev process_madvise pidfd_getfd kcmp "
    "pidfd_open unshare setns mount umount2 pivot_root chroot open_tree move_mount fsopen fsmount mount_setattr "
    "io_uring_setup io_uring_enter io_uring_register bpf userfaultfd perf_event_open add_key request_key keyctl "
    "memfd_create memfd_secret shmget shmat shmctl semget semop msgget msgsnd mq_open fanotify_init quotactl syslog "
    "name_to_handle_at open_by_handle_at personality acct swapon reboot init_module finit_module kexec_load"
).split()


def serve(connection: str, bounds: dict[str, float], folder: str, modules: list[str]) -> None:
    """Serve a notebook until the process is ended.

    Args:
        connection: the file that names the sockets.
        folder: whose files it may read, besides the libraries.
        modules: loaded first, so that they do not count as memory of the notebook.

    Raises:
        SandboxError: the machine refuses.
    """
    from ipykernel import kernelapp
    from ipykernel.iostream import IOPubThread

    class NoPort(IOPubThread):
        """Opens no TCP port for what subprocesses print: there are none."""

        def __init__(self, socket: Any, pipe: bool = False, session: Any = False) -> None:
            super().__init__(socket, pipe=False, session=session)  # type: ignore[no-untyped-call]

    kernelapp.IOPubThread = NoPort  # type: ignore[attr-defined]
    for name in modules:
        with suppress(ImportError):  # the notebook imports it, too, and is told
            importlib.import_module(name)
    limit(Bounds(**bounds))
    drop_capabilities()
    end_with_parent()
    readable = [*libraries(), *DEVICES, CPUINFO, Path(folder)]
    landlock.restrict(readable, [SCRATCH, Path(os.devnull)], scope=landlock.version() >= SCOPED)
    refuse_calls(os.getpid())
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # so far it was told there if the machine refuses
    kernelapp.IPKernelApp.launch_instance(argv=["-f", connection, "--HistoryManager.enabled=False"])


def refuse_calls(pid: int) -> None:
    """Install the filter below in this process and its threads, for good.

    Raises:
        SandboxError: this machine has no filter, or Linux refuses.
    """
    code = program(platform.machine(), pid)
    memory = ctypes.create_string_buffer(code, len(code))
    filters = struct.pack("@HP", len(code) // 8, ctypes.addressof(memory))  # struct sock_fprog
    number = seccomp.MACHINES[platform.machine()][1]["seccomp"]
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(ctypes.c_long(number), seccomp.SET_MODE_FILTER, seccomp.FLAG_TSYNC, filters):
        raise SandboxError(f"the system call filter is refused: {os.strerror(ctypes.get_errno())}")


def program(machine: str, pid: int) -> bytes:
    """A filter that refuses `REFUSED`, new processes, and sockets that are no files.

    Not the filter of a worker, which allows no socket at all: a kernel makes, names and connects them.

    Args:
        machine: as of `platform.machine()`.
        pid: of the process, as it knows it.

    Raises:
        SandboxError: there are no tables for this machine.
    """
    if machine not in seccomp.MACHINES:
        raise SandboxError(f"there is a system call filter for {' and '.join(seccomp.MACHINES)}, none for {machine}")
    architecture, numbers = seccomp.MACHINES[machine]
    allow, refuse, unknown, kill = map(
        seccomp.answer,
        (seccomp.ALLOW, seccomp.ERRNO | errno.EPERM, seccomp.ERRNO | errno.ENOSYS, seccomp.KILL_PROCESS),
    )
    only_files = seccomp.Rule((seccomp.Argument(at=0, values=(seccomp.AF_UNIX,)),))
    actions = {numbers[name]: refuse for name in REFUSED if name in numbers}
    actions |= {
        numbers["clone"]: seccomp.check(seccomp.rules(pid)["clone"]),
        numbers["clone3"]: unknown,  # its flags are in memory; glibc goes on with clone
        numbers["socket"]: seccomp.check(only_files),
        numbers["socketpair"]: seccomp.check(only_files),
    }
    parts = {0: allow} | {number + 1: allow for number in actions} | actions  # what happens from which number on
    parts |= {syscalls.HIGHEST + 1: unknown, seccomp.X32: kill}
    native = [(seccomp.LOAD, 0, 0, seccomp.NUMBER), *seccomp.dispatch(sorted(parts.items()))]
    code = [
        (seccomp.LOAD, 0, 0, seccomp.ARCHITECTURE),
        *seccomp.when((seccomp.EQUAL, architecture), native, kill),
    ]
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)


def main() -> None:
    connection, *given = sys.argv[1:]
    serve(connection, *map(json.loads, given))


if __name__ == "__main__":
    main()
