"""Raises an exception that is its own cause.

outcome: failed
says: ValueError: round and round
"""


def double(x):
    error = ValueError("round and round")
    other = KeyError("and again")
    error.__cause__, other.__cause__ = other, error
    error.__context__, other.__context__ = other, error
    raise error
