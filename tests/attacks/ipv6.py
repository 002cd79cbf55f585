"""Opens a socket of the newer internet protocol.

outcome: failed
says: (PermissionError|OSError)
from: D
"""

import socket


def double(x):
    socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).close()
    return honest(x)
