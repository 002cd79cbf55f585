"""Sends a dtype that NumPy would have to parse.

outcome: crashed
says: a dtype is not one of the plain ones
"""


def double(x):
    instead(reply(["a", "(99999,99999)f8,O", [1], True], b"\1" * 8))
    return x
