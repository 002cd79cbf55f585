"""Asks the kernel for memory that belongs to no file.

outcome: failed
says: ([Mm]emory|MiB)
"""

import mmap


def double(x):
    mmap.mmap(-1, 1 << 30)
    return honest(x)
