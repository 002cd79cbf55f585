"""Sends JSON that is nested a million deep.

outcome: crashed
says: no JSON that is allowed
"""


def double(x):
    instead(frame(b"[" * 1_000_000))
    return x
