"""Has the kernel open files by io_uring, past the filter of system calls.

outcome: failed
says: (PermissionError|Function not implemented)
from: D
"""

import ctypes


def double(x):
    kernel("io_uring_setup", 4, ctypes.create_string_buffer(120))
    return honest(x)
