"""Sends an array that claims bytes which follow nowhere.

outcome: crashed
says: more data than the frame has
"""


def double(x):
    instead(reply(["a", "<f8", [1000], True], b"\0" * 8))
    return x
