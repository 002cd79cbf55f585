"""Raises an exception with a message of ten million characters.

outcome: failed
says: ValueError
through: feedback
"""


def double(x):
    raise ValueError("spam " * 2_000_000)
