"""Raises StopIteration, which many a loop takes for its own end.

outcome: failed
says: double raised StopIteration
"""


def double(x):
    raise StopIteration
