"""Copies the work of another student.

outcome: failed
says: (Permission|FileNotFound)Error
from: C
unstopped: passed
through: both
"""


def double(x):
    other = {}
    with open(NEIGHBOUR) as file:
        exec(file.read(), other)
    return other["double"](x)
