"""Leaves a key in the kernel's ring for the next process of its user.

outcome: failed
says: (PermissionError|Function not implemented)
from: D
"""

SESSION = -3


def double(x):
    kernel("add_key", b"user", MARK.encode(), b"here", 4, SESSION)
    return honest(x)
