"""Sends a signal to the group of processes that it was started from.

outcome: failed
says: (PermissionError|ProcessLookupError)
from: D
unstopped: passed
"""

import os


def double(x):
    os.killpg(os.getpgid(TRUSTED_PID), 0)
    return honest(x)
