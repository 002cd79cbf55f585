"""Stops its own process.

outcome: timeout
says: double did not return within
"""

import os
import signal


def double(x):
    os.kill(os.getpid(), signal.SIGSTOP)
    return x
