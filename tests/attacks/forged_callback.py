"""Calls a function of the checks that it was never given.

outcome: crashed
says: a function that it was not given
"""


def double(x):
    call = worker()._scopes[-1].call
    instead(frame(["callback", call, [], 0, [1], {}]))
    return x
