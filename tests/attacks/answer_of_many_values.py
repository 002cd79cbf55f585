"""Returns a hundred thousand values, 20 MB of text.

outcome: failed | crashed
says: (too large|more than 16 Mi?B)
"""


def double(x):
    return ["0.1234567890" * 16] * 100_000
