"""Sends a signal to the process that forked it.

outcome: failed
says: (PermissionError|ProcessLookupError)
from: D
unstopped: passed
"""

import os


def double(x):
    os.kill(os.getppid(), 0)
    return honest(x)
