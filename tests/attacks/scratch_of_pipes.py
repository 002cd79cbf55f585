"""Leaves pipes and sockets for those who clean up to wait at.

outcome: passed
"""

import contextlib
import os
import socket


def double(x):
    with contextlib.suppress(OSError):
        os.mkfifo("pipe")
    with contextlib.suppress(OSError):
        socket.socket(socket.AF_UNIX).bind("socket")
    return honest(x)
