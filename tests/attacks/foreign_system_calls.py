"""Enters the kernel by the system calls of another architecture, which have other numbers.

outcome: crashed
says: killed by signal 31
from: D
"""

import ctypes
import os
import platform


def double(x):
    if platform.machine() != "x86_64":
        os.kill(os.getpid(), 31)  # there is no other
    ctypes.CDLL(None).syscall(ctypes.c_long(0x40000000 + 39))  # getpid of x32
    return honest(x)
