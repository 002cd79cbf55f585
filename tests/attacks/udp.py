"""Sends a packet by UDP.

outcome: failed
says: (PermissionError|OSError)
from: D
unstopped: passed
"""

import socket


def double(x):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        end.sendto(b"here", ("127.0.0.1", UDP_PORT))
    return honest(x)
