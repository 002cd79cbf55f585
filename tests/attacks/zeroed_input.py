"""Sets its argument to zero, of which twice is zero.

outcome: failed
says: double changes its argument
"""


def double(x):
    x[...] = 0
    return x
