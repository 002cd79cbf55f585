"""Returns a dict whose key is a tuple of tuples of tuples, which takes for ever to hash.

outcome: timeout
"""


def double(x):
    key = (1.0,)
    for _ in range(50):
        key = (key, key)
    return {0: key}
