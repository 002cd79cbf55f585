"""Connects to a port of this machine.

outcome: failed
says: (PermissionError|OSError)
from: D
unstopped: passed
through: both
"""

import socket


def double(x):
    with socket.create_connection(("127.0.0.1", PORT), timeout=1):
        return honest(x)
