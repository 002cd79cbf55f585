"""Sends an integer of a million digits.

outcome: crashed
says: (no JSON that is allowed|an integer is too large)
"""


def double(x):
    call = worker()._scopes[-1].call
    instead(frame(f'["ok", "{call}", [], {"7" * 1_000_000}]'.encode()))
    return x
