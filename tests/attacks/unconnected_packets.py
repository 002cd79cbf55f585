"""Sends packets from one of a pair of sockets to a socket that it is not connected to.

outcome: failed
says: (PermissionError|ConnectionRefusedError|OSError)
from: D
"""

import socket


def double(x):
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with one, other:
        one.sendto(b"here", ABSTRACT)
    return honest(x)
