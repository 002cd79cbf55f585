"""Tells hidden inputs in the message of its exception.

outcome: failed
says: ValueError
through: feedback
"""


def double(x):
    raise ValueError(f"the input was {''.join(chr(int(value) % 256) for value in x.ravel())}")
