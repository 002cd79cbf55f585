"""Sends an empty array whose other sides are endless.

outcome: crashed
says: a shape is too large
"""


def double(x):
    instead(reply(["a", "<f8", [0, *[(1 << 39)] * 8], True], b""))
    return x
