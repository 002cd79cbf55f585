"""Ends by a signal that it sends to itself.

outcome: crashed
says: killed by signal 4
"""

import os
import signal


def double(x):
    os.kill(os.getpid(), signal.SIGILL)
    return x
