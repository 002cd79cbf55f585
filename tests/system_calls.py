"""Calls of the kernel, harmless and hostile, with arguments as they come; and which numbers they have.

Tables are {subject: [(name, arguments...)]}.
"""

import errno
from functools import cache

from grader.sandbox import syscalls
from tests.bpf import instructions, verdict

PID, PARENT = 4321, 4000
NUMBERS = {"x86_64": syscalls.X86_64, "aarch64": syscalls.AARCH64}

# What a filter may answer (linux/seccomp.h)
ALLOW, KILL = 0x7FFF0000, 0x80000000
EPERM, ENOSYS, ENOTTY = (0x00050000 | number for number in (errno.EPERM, errno.ENOSYS, errno.ENOTTY))

THREAD = 0x3D0F00  # what pthread_create of glibc asks of clone
AF_UNIX, AF_INET, AF_NETLINK, SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET = 1, 2, 16, 1, 2, 5
BUFFER = 0x7F12_3456_7000

# fmt: off
# Calls that a submission, its libraries and our own channel need, with arguments as they come.
NEEDED = {
    "threads": [("clone", THREAD), ("clone", THREAD | 0x400000), ("futex", BUFFER, 0x80), ("rseq", BUFFER, 32)],
    "end": [("exit", 0), ("exit_group", 0), ("rt_sigreturn",)],
    "signals to itself": [("kill", PID, 15), ("tgkill", PID, PID + 1, 6), ("rt_sigaction", 14, BUFFER)],
    "limits of itself": [("prlimit64", 0, 7), ("prlimit64", PID, 7, BUFFER)],
    "processors": [("sched_getaffinity", 0, 128, BUFFER), ("sched_getaffinity", PID, 128, BUFFER)],
    "memory": [("mmap", 0, 4096, 7, 0x22, -1), ("mprotect", BUFFER, 4096, 5), ("munmap", BUFFER), ("brk", 0)],
    "files": [("openat", -100, BUFFER, 0o102), ("read", 3), ("write", 1), ("ftruncate", 3), ("statx", -100)],
    "folders": [("mkdirat", -100), ("unlinkat", -100), ("renameat2", -100), ("getdents64", 3), ("getcwd", BUFFER)],
    "descriptors": [("fcntl", 3, 1030, 0), ("fcntl", 3, 4, 0o4000), ("dup3", 3, 4), ("pipe2", BUFFER), ("close", 3)],
    "ranges of descriptors": [("close_range", 3, 9, 0), ("close_range", 3, 9, 4)],
    "terminals": [("ioctl", 1, 0x5401), ("ioctl", 3, 0x5451), ("ioctl", 1 << 40 | 1, 1 << 40 | 0x5421)],
    "asyncio": [("epoll_create1", 0), ("epoll_pwait", 3), ("eventfd2", 0),
        ("socketpair", AF_UNIX, SOCK_STREAM | 0o2004000)],
    "channel": [("sendto", 5, BUFFER, 10, 0, 0, 0), ("recvfrom", 5, BUFFER, 10), ("shutdown", 5, 2)],
    "time": [("clock_gettime", 1), ("clock_nanosleep", 1), ("setitimer", 0, BUFFER), ("getrandom", BUFFER, 16)],
    "names": [("prctl", 15, BUFFER), ("prctl", 0x53564D41, 0, BUFFER), ("prctl", 51)],
}
ONLY_X86 = {
    "old calls": [("open", BUFFER), ("stat", BUFFER), ("poll", BUFFER), ("select", 3), ("epoll_wait", 3),
        ("dup2", 3, 4)],
    "matrix registers": [("arch_prctl", 0x1023, 18)],
}

# Attacks. Where a call could do harm if it were not refused, it has arguments with which it does none.
REFUSED = {
    "TCP": [("socket", AF_INET, SOCK_STREAM, 0), ("socket", 10, SOCK_STREAM, 6), ("connect", 3), ("bind", 3),
        ("listen", 3)],
    "UDP": [("socket", AF_INET, SOCK_DGRAM, 0), ("sendto", 3, BUFFER, 1, 0, BUFFER, 16), ("sendmsg", 3),
        ("sendmmsg", 3)],
    "MPTCP": [("socket", AF_INET, SOCK_STREAM, 262)],
    "Unix sockets": [("socket", AF_UNIX, SOCK_STREAM, 0), ("accept", 3), ("accept4", 3), ("recvmsg", 3),
        ("setsockopt", 3)],
    "netlink": [("socket", AF_NETLINK, 3, 0)],
    "other pairs": [("socketpair", AF_UNIX, SOCK_DGRAM), ("socketpair", AF_UNIX, SOCK_SEQPACKET),
        ("socketpair", AF_INET, 1)],
    "an address in the upper half": [("sendto", 3, BUFFER, 1, 0, 1 << 32, 16)],
    "fork": [("fork",), ("vfork",), ("clone", 17), ("clone", 0x4111), ("clone", 0x1200011)],
    "namespaces": [("clone", THREAD | 0x10000000), ("unshare", 0x10000000), ("setns", 3), ("clone", 0x7E020000 | 17)],
    "odd threads": [("clone", THREAD & ~0x400), ("clone", THREAD | 0x2000), ("clone", 1 << 32 | THREAD),
        ("close_range", 3, 4, 2)],
    "execute": [("execve", 0), ("execveat", -100), ("uselib", 0)],
    "signals": [("kill", PARENT, 0), ("kill", 0, 0), ("kill", -1, 0), ("kill", -PID, 0), ("kill", 1, 0)],
    "signals to threads": [("tgkill", PARENT, PARENT, 0), ("tkill", PARENT, 0), ("tkill", PID, 0),
        ("tgkill", -1, PID, 0)],
    "queued signals": [("rt_sigqueueinfo", PARENT, 0), ("rt_tgsigqueueinfo", PARENT, PARENT),
        ("pidfd_send_signal", 3, 0)],
    "signals by descriptor": [("fcntl", 0, 8, PARENT), ("fcntl", 0, 10, 9), ("fcntl", 0, 15, BUFFER),
        ("fcntl", 0, 1026)],
    "leases": [("fcntl", 0, 1024, 1), ("fcntl", 0, 1031, 1 << 20)],
    "limits of others": [("prlimit64", PARENT, 7), ("prlimit64", 1, 7), ("prlimit64", -1, 7)],
    "processors of others": [("sched_setaffinity", PARENT, 0), ("sched_setaffinity", 0, 0),
        ("sched_setscheduler", PARENT)],
    "priorities": [("setpriority", 0, PARENT, 0), ("ioprio_set", 1, PARENT), ("sched_setattr", PARENT),
        ("sched_setparam", PARENT)],
    "other processes": [("getpgid", PARENT), ("getsid", PARENT), ("get_robust_list", PARENT), ("kcmp", PARENT, PID)],
    "sessions": [("setsid",), ("setpgid", 0, PARENT)],
    "waiting": [("wait4", -1), ("waitid", 0)],
    "ptrace": [("ptrace", 16, PARENT), ("ptrace", 0), ("process_vm_readv", PARENT), ("process_vm_writev", PARENT)],
    "pidfd": [("pidfd_open", PARENT), ("pidfd_getfd", 3), ("process_madvise", 3), ("process_mrelease", 3)],
    "memory of others": [("move_pages", PARENT), ("migrate_pages", PARENT), ("userfaultfd", 0), ("memfd_secret", 0)],
    "permissions": [("chmod", 0), ("fchmod", 0, 0o777), ("fchmodat", -100, 0), ("fchmodat2", -100, 0)],
    "owners": [("chown", 0), ("fchown", 0, 0, 0), ("lchown", 0), ("fchownat", -100, 0)],
    "times of files": [("utime", 0), ("utimes", 0), ("futimesat", -100, 0), ("utimensat", -100, 0)],
    "attributes": [("setxattr", 0), ("lsetxattr", 0), ("fsetxattr", 0), ("setxattrat", -1), ("removexattr", 0),
        ("removexattrat", -1)],
    "cutting files by name": [("truncate", 0, 0)],
    "attributes of inodes": [("file_setattr", -1), ("file_getattr", -1)],
    "special files": [("mknod", 0), ("mknodat", -100, 0)],
    "links": [("link", 0), ("linkat", -100, 0), ("symlink", 0), ("symlinkat", 0)],
    "handles": [("open_by_handle_at", -100, 0), ("name_to_handle_at", -100, 0)],
    "mounts": [("mount", 0), ("umount2", 0), ("pivot_root", 0), ("chroot", 0), ("open_tree", -1), ("move_mount", -1),
        ("fsopen", 0)],
    "newer mounts": [("fsconfig", -1), ("fsmount", -1), ("fspick", -1), ("mount_setattr", -1), ("open_tree_attr", -1),
        ("statmount", 0)],
    "users": [("setuid", -1), ("setgid", -1), ("setreuid", -1, -1), ("setresuid", -1, -1, -1), ("setgroups", -1),
        ("setfsuid", -1)],
    "capabilities": [("capset", 0), ("personality", -1), ("prctl", 23, 0), ("prctl", 24, -1), ("prctl", 47, 0)],
    "process settings": [("prctl", 4, -1), ("prctl", 0x59616D61, PARENT), ("prctl", 1, 0), ("prctl", 22, 0),
        ("prctl", 35, 0)],
    "files in memory": [("memfd_create", 0)],
    "System V": [("shmget", 0, 4096, 0o600), ("shmat", -1), ("semget", 0, 1, 0o600), ("msgget", 0, 0o600)],
    "message queues": [("mq_open", 0), ("mq_unlink", 0), ("mq_notify", -1)],
    "keyring": [("keyctl", 0, -3), ("add_key", 0), ("request_key", 0)],
    "io_uring": [("io_uring_setup", 1, 0), ("io_uring_enter", -1), ("io_uring_register", -1), ("io_setup", 0, 0),
        ("io_submit", 0)],
    "programs in the kernel": [("bpf", -1), ("perf_event_open", 0), ("seccomp", 0, 0),
        ("landlock_restrict_self", -1)],
    "watching": [("inotify_init1", -1), ("inotify_init",), ("fanotify_init", -1), ("signalfd4", -1),
        ("lookup_dcookie", 0)],
    "modules": [("init_module", 0), ("finit_module", -1), ("delete_module", 0), ("kexec_load", 0),
        ("kexec_file_load", -1, -1)],
    "the machine": [("reboot", 0), ("swapon", 0), ("swapoff", 0), ("acct", 1), ("quotactl", -1), ("syslog", 10),
        ("sethostname", 0, -1)],
    "clocks": [("settimeofday", 1), ("clock_settime", -1), ("adjtimex", 0), ("clock_adjtime", -1),
        ("timer_create", 0)],
    "all disks": [("sync",), ("syncfs", -1)],
    "ports": [("iopl", 9), ("ioperm", -1), ("modify_ldt", -1), ("vhangup",)],
    "segments": [("arch_prctl", 0x1002, 0), ("arch_prctl", 0x1012)],
}
OTHER_ERRORS = {
    "a newer thread": [("clone3", ENOSYS, BUFFER, 88)],
    "processors of a thread": [("sched_getaffinity", ENOSYS, PARENT, 128, BUFFER)],
    "typing at a terminal": [("ioctl", ENOTTY, 0, 0x5412), ("ioctl", ENOTTY, 0, 0x541C),
        ("ioctl", ENOTTY, 0, 0x5423)],
    "a terminal with rubbish above": [("ioctl", ENOTTY, 0, 1 << 32 | 0x5412)],
    "attributes of inodes": [("ioctl", ENOTTY, 0, 0x40086602)],
    "signals by a terminal or socket": [("ioctl", ENOTTY, 0, 0x5410), ("ioctl", ENOTTY, 0, 0x8901),
        ("ioctl", ENOTTY, 0, 0x8902)],
}
# fmt: on


def calls(table, machine):
    """The (name, arguments) of a table whose name the machine has."""
    return [(name, arguments) for cases in table.values() for name, *arguments in cases if name in NUMBERS[machine]]


ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}


def filter_of(program):
    """(the instructions for a machine, what they say of one of its calls by name or number) of what makes filters."""

    @cache
    def code(machine):
        return instructions(program(machine, PID))

    def answer(machine, call, *arguments):
        number = NUMBERS[machine][call] if isinstance(call, str) else call
        return verdict(code(machine), ARCHITECTURE[machine], number, *arguments)

    return code, answer
