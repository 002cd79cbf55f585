"""Writes NaN and Infinity into JSON.

outcome: crashed
says: no JSON that is allowed
"""


def double(x):
    call = worker()._scopes[-1].call
    instead(frame(f'["ok", "{call}", [], NaN]'.encode()))
    return x
