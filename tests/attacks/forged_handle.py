"""Answers with a handle to an object that does not exist.

outcome: failed
says: expected an array
"""


def double(x):
    instead(reply(["h", 1 << 60, "ndarray"]))
    return x
