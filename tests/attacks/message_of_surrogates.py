"""Raises an exception whose message cannot be encoded.

outcome: failed
says: ValueError
through: feedback
"""


def double(x):
    raise ValueError("\ud800\udfff\x00\uffff" * 100)
