"""Makes processes that make processes.

outcome: failed
says: (PermissionError|BlockingIOError)
from: D
through: both
"""

import os


def double(x):
    for _ in range(5):  # 32 at the most, should nothing stop it
        os.fork()
    return honest(x)
