"""Runs the reference in its own place.

outcome: failed
says: (Permission|FileNotFound)Error
from: C
unstopped: passed
through: both
"""


def double(x):
    reference = {}
    with open(REFERENCE) as file:
        exec(file.read(), reference)
    return reference["double"](x)
