"""Connects to a socket that has no file.

outcome: failed
says: (PermissionError|ConnectionRefusedError|OSError)
from: D
unstopped: passed
"""

import socket


def double(x):
    with socket.socket(socket.AF_UNIX) as end:
        end.connect(ABSTRACT)
    return honest(x)
