"""Sends data behind its answer that belongs to no value.

outcome: crashed
says: belong to no value
"""


def double(x):
    instead(reply(None, b"\0" * 100))
    return x
