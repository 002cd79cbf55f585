"""Computes with processes of its own.

outcome: failed
says: (PermissionError|BlockingIOError|OSError|FileNotFoundError)
from: D
"""

import multiprocessing


def double(x):
    with multiprocessing.get_context("fork").Pool(2) as pool:
        pool.map(abs, [1.0])
    return honest(x)
