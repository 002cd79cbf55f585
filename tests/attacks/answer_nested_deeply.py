"""Returns lists in lists in lists.

outcome: failed
says: nested
"""


def double(x):
    y = x
    for _ in range(10_000):
        y = [y]
    return y
