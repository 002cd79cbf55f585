"""Raises AssertionError with the text of a check that passed.

outcome: failed
says: passed
"""


def double(x):
    raise AssertionError("1 passed in 0.01s")
