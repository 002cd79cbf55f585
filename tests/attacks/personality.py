"""Turns off the random layout of memory.

outcome: failed
says: PermissionError
from: D
"""

ADDR_NO_RANDOMIZE = 0x0040000


def double(x):
    kernel("personality", ADDR_NO_RANDOMIZE)
    return honest(x)
