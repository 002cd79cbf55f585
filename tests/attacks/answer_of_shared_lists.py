"""Returns a list of two lists that are one, of two lists that are one, and so on: tiny, and gigantic when unfolded.

outcome: crashed
says: (too large|more than|unfold)
"""


def double(x):
    y = [1.0]
    for _ in range(21):
        y = [y, y]
    return y
