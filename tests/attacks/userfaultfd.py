"""Stops the kernel inside of its own memory accesses.

outcome: failed
says: (PermissionError|Function not implemented)
from: D
"""


def double(x):
    kernel("userfaultfd", 1)
    return honest(x)
