"""Sends a signal to every process that it may reach.

outcome: failed
says: (PermissionError|ProcessLookupError)
from: D
unstopped: passed
"""

import os


def double(x):
    os.kill(-1, 0)
    return honest(x)
