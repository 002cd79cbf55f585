"""Catches that the memory is full, and goes on to fill it.

outcome: timeout
says: double did not return within
"""

import contextlib


def double(x):
    kept = []
    while True:
        with contextlib.suppress(MemoryError):
            kept.append(bytearray(1 << 24))
