"""Connects its own channel to another place.

outcome: failed
says: (PermissionError|OSError)
from: D
"""


def double(x):
    wire().connect(SOCKET)
    return honest(x)
