"""Sends an array with a negative side.

outcome: crashed
says: a shape is malformed
"""


def double(x):
    instead(reply(["a", "<f8", [-1, -8], True], b"\0" * 64))
    return x
