"""Returns a list that is its own member.

outcome: crashed
says: holds itself
"""


def double(x):
    y = []
    y.append(y)
    return y
