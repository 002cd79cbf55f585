"""Opens the memory of the process that forked it.

outcome: failed
says: (Permission|FileNotFound)Error
from: D
"""

import os


def double(x):
    with open(f"/proc/{os.getppid()}/mem", "rb"):
        return honest(x)
