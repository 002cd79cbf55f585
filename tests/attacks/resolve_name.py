"""Sends a secret as a name to be looked up.

outcome: failed
says: (gaierror|PermissionError|OSError)
from: D
"""

import socket


def double(x):
    socket.getaddrinfo("secret.invalid", 80)
    return honest(x)
