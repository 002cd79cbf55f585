"""Calls itself without end.

outcome: failed
says: RecursionError
through: both
"""


def double(x):
    return double(x)
