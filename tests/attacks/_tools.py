"""What stands before the code of every attack: the honest answers, and what an attacker would bring along."""

import ctypes
import gc
import json
import os
import platform
import struct


def honest(x):
    return 2 * x


def double(x):
    return honest(x)


def fill(x, value):
    x[:] = value


def total(x):
    return double(x).sum()


class Counter:
    def __init__(self):
        self.count = 0

    def add(self, n):
        self.count += n
        return self.count


NUMBERS = {  # of system calls: x86-64, aarch64
    "clone": (56, 220),
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "kcmp": (312, 272),
    "pidfd_open": (434, 434), "pidfd_getfd": (438, 438), "pidfd_send_signal": (424, 424), "keyctl": (250, 219),
    "add_key": (248, 217), "request_key": (249, 218), "io_uring_setup": (425, 425), "memfd_create": (319, 279),
    "memfd_secret": (447, 447), "userfaultfd": (323, 282), "bpf": (321, 280), "perf_event_open": (298, 241),
    "unshare": (272, 97), "setns": (308, 268), "mount": (165, 40), "umount2": (166, 39), "chroot": (161, 51),
    "pivot_root": (155, 41), "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430),
    "mount_setattr": (442, 442), "shmget": (29, 194), "shmctl": (31, 195), "semget": (64, 190), "semctl": (66, 191),
    "msgget": (68, 186), "msgctl": (71, 187), "mq_open": (240, 180), "personality": (135, 92),
    "fanotify_init": (300, 262), "open_by_handle_at": (304, 265), "name_to_handle_at": (303, 264),
    "execve": (59, 221), "execveat": (322, 281), "clone3": (435, 435), "setuid": (105, 146), "setresuid": (117, 147),
    "setgroups": (116, 159), "capset": (126, 91), "init_module": (175, 105), "finit_module": (313, 273),
    "kexec_load": (246, 104), "reboot": (169, 142), "swapon": (167, 224), "sethostname": (170, 161),
    "settimeofday": (164, 170), "clock_settime": (227, 112), "clock_adjtime": (305, 266), "syslog": (103, 116),
    "quotactl": (179, 60), "acct": (163, 89), "migrate_pages": (256, 238), "move_pages": (279, 239),
    "process_madvise": (440, 440), "process_mrelease": (448, 448), "mknodat": (259, 33), "setxattr": (188, 5),
    "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240), "tkill": (200, 130), "fchmodat2": (452, 452),
    "sched_setattr": (314, 274), "ioprio_set": (251, 30), "lookup_dcookie": (212, 18),
}  # fmt: skip
_kernel = ctypes.CDLL(None, use_errno=True).syscall
_kernel.restype = ctypes.c_long


def kernel(name, *arguments):
    """A system call, past all of Python; raises OSError."""
    number = NUMBERS[name][platform.machine() == "aarch64"]
    given = [ctypes.c_long(value) if isinstance(value, int) else value for value in arguments]
    result = _kernel(ctypes.c_long(number), *given)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def worker():
    """The object that serves this process."""
    return next(thing for thing in gc.get_objects() if type(thing).__name__ == "Worker" and hasattr(thing, "_channel"))


def wire():
    """The socket that leads to the grader."""
    return worker()._channel._end


def frame(tree, data=b""):
    """A frame with this tree, or with this text in the place of JSON."""
    text = tree if isinstance(tree, bytes) else json.dumps(tree).encode()
    return struct.pack("!IQ", len(text), len(data)) + text + data


def instead(data):
    """Send this in the place of the next answer."""
    channel = worker()._channel

    def send(parts, deadline=None):
        del channel.send
        channel._end.sendall(data)

    channel.send = send


def reply(value, data=b"", kind="ok", call=None):
    """A frame that answers the call that is being served; `value` as the wire format encodes it."""
    return frame([kind, call or worker()._scopes[-1].call, [], value], data)
