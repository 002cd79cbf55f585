"""Loads a program into the kernel.

outcome: failed
says: (PermissionError|Function not implemented)
from: D
"""

import ctypes


def double(x):
    kernel("bpf", 0, ctypes.create_string_buffer(128), 128)
    return honest(x)
