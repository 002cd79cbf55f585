"""Computes for ever without a step of Python in between.

outcome: timeout
says: double did not return within
"""


def double(x):
    return sum(range(10**15))
