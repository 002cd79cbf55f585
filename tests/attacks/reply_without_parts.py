"""Answers with trees that lack what every answer has.

outcome: crashed
says: belongs to no call
"""


def double(x):
    instead(frame([]))
    return x
