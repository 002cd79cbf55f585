"""Connects to a socket in the file system, as that of Docker is one.

outcome: failed
says: (PermissionError|FileNotFoundError|OSError)
from: D
unstopped: passed
through: both
"""

import socket


def double(x):
    with socket.socket(socket.AF_UNIX) as end:
        end.connect(SOCKET)
    return honest(x)
