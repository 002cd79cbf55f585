"""Raises KeyboardInterrupt, which would stop the grading of the whole class.

outcome: failed
says: double raised KeyboardInterrupt
through: both
"""


def double(x):
    raise KeyboardInterrupt
