"""A notebook's kernel, which gives up what it does not need before it serves; `grader.gradebook.client` starts it.

bubblewrap is around it: names, processes and network of its own, libraries read-only, no capabilities. In here come
limits of memory, processor time, files and their size; Landlock, which leaves it the libraries, the released files and
its folder, and, where Linux is new enough, no signal to its client; and a filter of system calls, which leaves it no
other process or program, and no socket that is not a file.
"""

from __future__ import annotations

import errno
import importlib
import json
import os
import platform
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from grader.sandbox import landlock, seccomp
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


def serve(connection: str, bounds: dict[str, Any], folder: str, modules: list[str]) -> None:
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
    seccomp.load(program(platform.machine(), os.getpid()))
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # so far it was told there if the machine refuses
    kernelapp.IPKernelApp.launch_instance(argv=["-f", connection, "--HistoryManager.enabled=False"])


def program(machine: str, pid: int) -> bytes:
    """A filter that refuses `REFUSED`, new processes, and sockets that are no files.

    Not the filter of a worker, which allows no socket at all: a kernel makes, names and connects them.

    Args:
        machine: as of `platform.machine()`.
        pid: of the process, as it knows it.

    Raises:
        SandboxError: there are no tables for this machine.
    """
    only_files = seccomp.check(seccomp.Rule((seccomp.Argument(at=0, values=(seccomp.AF_UNIX,)),)))
    actions = dict.fromkeys(REFUSED, seccomp.answer(seccomp.ERRNO | errno.EPERM)) | {
        "clone": seccomp.check(seccomp.rules(pid)["clone"]),
        "socket": only_files,
        "socketpair": only_files,
    }
    return seccomp.build(machine, actions, seccomp.answer(seccomp.ALLOW))


def main() -> None:
    connection, *given = sys.argv[1:]
    serve(connection, *map(json.loads, given))


if __name__ == "__main__":
    main()
