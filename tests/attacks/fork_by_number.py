"""Makes a process by the oldest system call for it, past what Python and its library check.

outcome: failed
says: (PermissionError|BlockingIOError)
from: D
"""

import os
import signal


def double(x):
    if kernel("clone", int(signal.SIGCHLD), 0, 0, 0, 0) == 0:
        os._exit(0)
    return honest(x)
