"""Blames a function of the checks for its own exception.

outcome: failed
says: CallbackFailed
"""


class CallbackFailed(Exception):
    pass


def double(x):
    raise CallbackFailed("a function that the check passed in raised an exception")
