"""Computes an integer with a hundred million digits.

outcome: timeout
says: double did not return within
"""


def double(x):
    return 7 ** (10**8)
