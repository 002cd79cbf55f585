"""Sends an array whose dtype holds pointers.

outcome: crashed
says: a dtype is not one of the plain ones
"""


def double(x):
    instead(reply(["a", "|O", [1], True], b"\1" * 8))
    return x
