"""Returns a shape that fits every other by broadcasting.

outcome: failed
says: expected the shape
"""


def double(x):
    return honest(x).reshape((1, 1, *x.shape, 1))
