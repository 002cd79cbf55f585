"""Sends JSON that is nested a hundred thousand deep.

outcome: crashed
says: no JSON that is allowed
"""


def double(x):
    instead(frame(b"[" * 100_000))
    return x
