"""Connects by MPTCP, which Landlock does not know.

outcome: failed
says: PermissionError
from: D
"""

import socket


def double(x):
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262) as end:
        end.connect(("127.0.0.1", PORT))
    return honest(x)
