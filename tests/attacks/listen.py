"""Listens on a port, for others to connect to.

outcome: failed
says: (PermissionError|OSError)
from: D
unstopped: passed
"""

import socket


def double(x):
    with socket.socket() as end:
        end.bind(("127.0.0.1", 0))
        end.listen()
    return honest(x)
