"""Returns a list that is its own member.

outcome: failed
says: expected an array
"""


def double(x):
    y = []
    y.append(y)
    return y
