"""The seccomp filter of a worker: the system calls that numerical code in Python needs, and no others.

What is not listed is refused with EPERM, which Python raises as PermissionError; what is newer than our tables with
ENOSYS, so that a C library falls back on what it did before. Calls through another interface of the kernel (32 bit,
x32), whose numbers mean something else, end the process. Files are Landlock's business: what opens them is allowed.

A filter is classic BPF over `struct seccomp_data`: the number of the call, the architecture, the instruction pointer
and six arguments of 64 bits. It is built as a tree of decisions, each branch of which returns, so no jump needs a
label.

Source: Linux, Documentation/userspace-api/seccomp_filter.rst; the constants stand in the headers named beside them.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, reduce
from itertools import groupby

from grader.errors import SandboxError
from grader.sandbox import syscalls

# Always allowed, on the architectures that have them. Not truncate, which Landlock looks at from version 3 on only.
ALLOWED = frozenset(
    """
    read write readv writev pread64 pwrite64 preadv pwritev preadv2 pwritev2 lseek sendfile copy_file_range
    open openat creat close dup dup2 dup3 pipe pipe2 flock fsync fdatasync
    ftruncate fallocate fadvise64 readahead
    stat fstat lstat newfstatat statx statfs fstatfs access faccessat faccessat2 readlink readlinkat
    getdents getdents64 getcwd chdir fchdir mkdir mkdirat rmdir unlink unlinkat rename renameat renameat2 umask

    brk mmap mprotect munmap mremap msync mincore madvise

    poll ppoll select pselect6 epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2
    eventfd eventfd2 recvfrom shutdown getsockname getpeername getsockopt

    futex set_robust_list rseq set_tid_address sched_yield exit exit_group
    rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigsuspend rt_sigtimedwait sigaltstack pause
    restart_syscall alarm setitimer getitimer

    nanosleep clock_nanosleep clock_gettime clock_getres gettimeofday time
    getpid getppid gettid getpgrp getuid geteuid getgid getegid getresuid getresgid getgroups
    getrlimit setrlimit getrusage times sysinfo uname getcpu getrandom
    """.split()
)

# linux/sched.h: what glibc and musl ask for in pthread_create, the latter with CLONE_DETACHED. CLONE_VM, FS, FILES,
# SIGHAND (0xF00), THREAD (0x10000), SYSVSEM, SETTLS (0xC0000), PARENT_SETTID, CHILD_CLEARTID (0x300000).
THREAD = 0x3D0F00
DETACHED = 0x00400000  # CLONE_DETACHED, which the kernel ignores

# asm-generic/fcntl.h and linux/fcntl.h. Not F_SETOWN, F_SETSIG, F_SETLEASE, F_NOTIFY: they have the kernel send signals
# of one's choice, to others too.
FCNTL = (
    *range(8),  # F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_GETLK, F_SETLK, F_SETLKW
    *(36, 37, 38),  # F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW
    1030,  # F_DUPFD_CLOEXEC
    1032,  # F_GETPIPE_SZ
)
# asm-generic/ioctls.h: TCGETS (isatty asks with it), FIONREAD, FIONBIO, FIONCLEX, FIOCLEX
IOCTL = (0x5401, 0x541B, 0x5421, 0x5450, 0x5451)
# linux/prctl.h. Not PR_SET_DUMPABLE, PR_SET_PTRACER, PR_SET_PDEATHSIG, PR_SET_MM, PR_SET_SECCOMP.
PRCTL = (
    *(15, 16),  # PR_SET_NAME, PR_GET_NAME
    0x53564D41,  # PR_SET_VMA: names for memory
    *(51, 64),  # PR_SVE_GET_VL, PR_SME_GET_VL: the vector length of an Arm processor
)
# asm/prctl.h: ARCH_GET_XCOMP_SUPP, ARCH_GET_XCOMP_PERM, ARCH_REQ_XCOMP_PERM, for the matrix registers
ARCH_PRCTL = (0x1021, 0x1022, 0x1023)
CLOSE_RANGE = (0, 4)  # linux/close_range.h: CLOSE_RANGE_CLOEXEC. Not UNSHARE: a thread with descriptors of its own
AF_UNIX, SOCK_STREAM, SOCK_FLAGS = 1, 1, 0o2000000 | 0o4000  # SOCK_CLOEXEC, SOCK_NONBLOCK

# linux/filter.h, linux/bpf_common.h: instructions
LOAD, AND, RETURN = 0x20, 0x54, 0x06  # the accumulator: load a word, mask it
JUMP, EQUAL, AT_LEAST = 0x05, 0x15, 0x35
FARTHEST = 255  # instructions that a condition can skip
# linux/seccomp.h: the call, where things are in struct seccomp_data, and what a filter returns
SET_MODE_FILTER, FLAG_TSYNC = 1, 1
NUMBER, ARCHITECTURE, ARGUMENTS = 0, 4, 16
KILL_PROCESS, ALLOW, ERRNO = 0x80000000, 0x7FFF0000, 0x00050000
PR_SET_NO_NEW_PRIVS = 38  # linux/prctl.h: without it, a filter takes CAP_SYS_ADMIN
SOMEBODY = 0x7FFFFFFE  # a pid that no process has
X32 = 0x40000000  # numbers of x86-64 from here on are those of x32
LOW_32 = 0xFFFFFFFF

Code = list[tuple[int, int, int, int]]  # operation, skip if true, skip if false, operand


@dataclass(frozen=True, kw_only=True)
class Argument:
    """One of these values, in one argument of a call.

    Only the low 32 bits are compared, because the kernel looks at no more of an int (a pid, a command, an option): what
    a caller leaves in the upper half is any sign extension or rubbish. `wide` is for a long or a pointer, and wants the
    upper half to be 0.
    """

    at: int
    values: tuple[int, ...]
    mask: int = LOW_32
    wide: bool = False


@dataclass(frozen=True)
class Rule:
    """A call that is allowed if all of its arguments are as they should be, and fails with an error number if not."""

    arguments: tuple[Argument, ...]
    otherwise: int = errno.EPERM


def rules(pid: int) -> dict[str, Rule]:
    """The calls that are allowed for some arguments, for the process `pid`."""
    own = Argument(at=0, values=(pid,))
    own_or_zero = Argument(at=0, values=(0, pid))
    return {
        "clone": Rule((Argument(at=0, values=(THREAD,), mask=LOW_32 & ~DETACHED, wide=True),)),
        "kill": Rule((own,)),
        "tgkill": Rule((own,)),
        "prlimit64": Rule((own_or_zero,)),
        # pthread_getattr_np asks for any thread, and takes no other error than ENOSYS.
        "sched_getaffinity": Rule((own_or_zero,), errno.ENOSYS),
        "close_range": Rule((Argument(at=2, values=CLOSE_RANGE),)),
        "fcntl": Rule((Argument(at=1, values=FCNTL),)),
        "ioctl": Rule((Argument(at=1, values=IOCTL),), errno.ENOTTY),
        "prctl": Rule((Argument(at=0, values=PRCTL),)),
        "arch_prctl": Rule((Argument(at=0, values=ARCH_PRCTL),)),
        # Of streams only: a datagram socket, though one of a pair, can send to any address.
        "socketpair": Rule(
            (Argument(at=0, values=(AF_UNIX,)), Argument(at=1, values=(SOCK_STREAM,), mask=LOW_32 & ~SOCK_FLAGS))
        ),
        # Without an address. Not sendmsg, whose address is in memory, where a filter cannot look, and which passes
        # descriptors; so nobody has to fear what arrives beside the bytes.
        "sendto": Rule((Argument(at=4, values=(0,), wide=True),)),
    }


MACHINES: Mapping[str, tuple[int, dict[str, int]]] = {
    "x86_64": (syscalls.AUDIT_ARCH_X86_64, syscalls.X86_64),
    "aarch64": (syscalls.AUDIT_ARCH_AARCH64, syscalls.AARCH64),
}


def program(machine: str, pid: int) -> bytes:
    """The filter of one process, as an array of `struct sock_filter`.

    Args:
        machine: as of `platform.machine()`.
        pid: of the process, as it knows it: it may signal itself.

    Raises:
        SandboxError: there are no tables for this machine.
    """
    return template(machine).replace(struct.pack("=I", SOMEBODY), struct.pack("=I", pid))


@cache
def template(machine: str) -> bytes:
    """The filter of the process `SOMEBODY`; built once, in the server, because each worker would pay for it."""
    actions = dict.fromkeys(ALLOWED, answer(ALLOW)) | {name: check(rule) for name, rule in rules(SOMEBODY).items()}
    return build(machine, actions, answer(ERRNO | errno.EPERM))


def build(machine: str, actions: Mapping[str, Code], otherwise: Code) -> bytes:
    """A filter.

    Args:
        machine: as of `platform.machine()`.
        actions: what happens at a call of this name, where the machine has it.
        otherwise: what happens at the other calls that our tables know.

    Raises:
        SandboxError: there are no tables for this machine.
    """
    if machine not in MACHINES:
        raise SandboxError(
            f"there is a system call filter for {' and '.join(MACHINES)}, none for {machine or 'an unknown machine'}"
        )
    architecture, numbers = MACHINES[machine]
    parts = ranges({numbers[name]: code for name, code in actions.items() if name in numbers}, numbers, otherwise)
    native = [(LOAD, 0, 0, NUMBER), *dispatch(parts)]
    code = [(LOAD, 0, 0, ARCHITECTURE), *when((EQUAL, architecture), native, answer(KILL_PROCESS))]
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)


def install(pid: int) -> None:
    """Filter the system calls of this process, which has this pid, and of all its threads, for good.

    Raises:
        SandboxError: this machine has no filter, or the kernel refuses.
    """
    if sys.platform != "linux":
        raise SandboxError(f"a system call filter needs Linux, this is {sys.platform}")
    load(program(platform.machine(), pid))


def load(code: bytes) -> None:
    """Put a filter of this machine into force, in this process and all its threads.

    Raises:
        SandboxError: the kernel refuses.
    """
    memory = ctypes.create_string_buffer(code, len(code))
    filters = struct.pack("@HP", len(code) // 8, ctypes.addressof(memory))  # struct sock_fprog
    seccomp = MACHINES[platform.machine()][1]["seccomp"]
    libc = ctypes.CDLL(None, use_errno=True)
    _check(libc.prctl(PR_SET_NO_NEW_PRIVS, *map(ctypes.c_ulong, (1, 0, 0, 0))))
    _check(libc.syscall(ctypes.c_long(seccomp), SET_MODE_FILTER, FLAG_TSYNC, filters))


def _check(result: int) -> None:
    """Raises SandboxError unless the result is 0; TSYNC returns the thread that has a filter of its own."""
    if result:
        reason = os.strerror(ctypes.get_errno()) if result < 0 else f"thread {result} has another filter"
        raise SandboxError(f"the system call filter is refused: {reason}")


def ranges(actions: Mapping[int, Code], numbers: Mapping[str, int], otherwise: Code) -> list[tuple[int, Code]]:
    """What happens from which number on, up to the next one; starts at 0."""
    unknown = answer(ERRNO | errno.ENOSYS)
    actions = {**actions, numbers["clone3"]: unknown}  # its flags are in memory; glibc goes on with clone
    listed = [(number, actions.get(number, otherwise)) for number in range(syscalls.HIGHEST + 1)]
    listed.append((syscalls.HIGHEST + 1, unknown))
    merged = [next(same) for _, same in groupby(listed, key=lambda item: item[1])]
    return [*merged, (X32, answer(KILL_PROCESS))]


def dispatch(parts: list[tuple[int, Code]]) -> Code:
    """Find the part that the accumulator belongs to, by halves."""
    middle = len(parts) // 2
    if not middle:
        return parts[0][1]
    return when((AT_LEAST, parts[middle][0]), dispatch(parts[middle:]), dispatch(parts[:middle]))


def check(rule: Rule) -> Code:
    """Allow a call if its arguments obey the rule."""
    refuse = answer(ERRNO | rule.otherwise)
    return reduce(lambda then, argument: _check_one(argument, then, refuse), reversed(rule.arguments), answer(ALLOW))


def _check_one(argument: Argument, then: Code, otherwise: Code) -> Code:
    low = ARGUMENTS + 8 * argument.at  # both machines are little-endian
    compare = reduce(
        lambda rest, value: when((EQUAL, value & LOW_32), then, rest), reversed(argument.values), otherwise
    )
    mask = [] if argument.mask == LOW_32 else [(AND, 0, 0, argument.mask)]
    code = [(LOAD, 0, 0, low), *mask, *compare]
    return [(LOAD, 0, 0, low + 4), *when((EQUAL, 0), code, otherwise)] if argument.wide else code


def answer(action: int) -> Code:
    return [(RETURN, 0, 0, action)]


def when(condition: tuple[int, int], then: Code, otherwise: Code) -> Code:
    """Go on with `then` if the condition holds, else with `otherwise`; both return."""
    operation, operand = condition
    if len(then) <= FARTHEST:
        return [(operation, 0, len(then), operand), *then, *otherwise]
    return [(operation, 1, 0, operand), (JUMP, 0, 0, len(then)), *then, *otherwise]
