"""Becomes root in a namespace of its own.

outcome: failed
says: PermissionError
from: D
"""

CLONE_NEWUSER = 0x10000000


def double(x):
    kernel("unshare", CLONE_NEWUSER)
    return honest(x)
