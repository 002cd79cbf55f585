"""Returns a million small values.

outcome: failed | crashed
says: (too large|more than 16 Mi?B)
"""


def double(x):
    return [0.12345678901234567] * 1_100_000
