"""Answers with an id that it made up.

outcome: crashed
says: belongs to no call
"""


def double(x):
    instead(reply(True, call="0123456789abcdef"))
    return x
