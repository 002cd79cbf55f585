"""Leaves semaphores that outlive it.

outcome: failed
says: PermissionError
from: D
"""


def double(x):
    kernel("semget", KEY, 1, 0o1666)
    return honest(x)
