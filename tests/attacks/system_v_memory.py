"""Leaves a piece of shared memory that outlives it.

outcome: failed
says: PermissionError
from: D
through: both
"""


def double(x):
    kernel("shmget", KEY, 4096, 0o1666)
    return honest(x)
