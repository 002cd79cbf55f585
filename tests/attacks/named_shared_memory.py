"""Leaves a named piece of shared memory, as multiprocessing makes it.

outcome: failed
says: (PermissionError|FileNotFoundError|OSError)
from: C
"""

import _posixshmem
import os


def double(x):
    os.close(_posixshmem.shm_open(f"/{MARK}", os.O_CREAT | os.O_RDWR, mode=0o600))
    return honest(x)
