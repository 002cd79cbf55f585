"""Becomes a process that can be debugged by the one that forked it.

outcome: failed
says: PermissionError
from: D
"""

TRACEME = 0


def double(x):
    kernel("ptrace", TRACEME, 0, 0, 0)
    return honest(x)
