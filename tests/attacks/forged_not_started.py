"""Pretends to be the untouched stub, whose checks a student's own run does not count.

outcome: not_started
through: both
"""


def double(x):
    raise NotImplementedError
