"""Sends a shape whose size overflows to that of the data.

outcome: crashed
says: a shape is too large
"""


def double(x):
    instead(reply(["a", "<f8", [1 << 32, 1 << 32], True], b""))
    return x
