"""Asks the kernel for the network, or for more.

outcome: failed
says: (PermissionError|OSError)
from: D
unstopped: passed
"""

import socket


def double(x):
    socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0).close()
    return honest(x)
