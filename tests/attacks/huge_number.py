"""Returns an integer of a million digits.

outcome: failed
says: too large to carry
"""


def double(x):
    return 1 << 4_000_000
