"""Sends an array of bools whose bytes are neither 0 nor 1.

outcome: failed
says: expected
"""


def double(x):
    instead(reply(["a", "|b1", list(x.shape), True], b"\2" * x.size))
    return x
