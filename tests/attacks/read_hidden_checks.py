"""Reads the hidden checks.

outcome: failed
says: (Permission|FileNotFound)Error
from: C
unstopped: passed
through: both
"""


def double(x):
    with open(SECRET) as file:
        file.read()
    return honest(x)
