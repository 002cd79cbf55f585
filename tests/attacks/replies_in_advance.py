"""Answers one question many times, so that the other answers wait for the next questions.

outcome: failed crashed
says: belongs to no call
through: both
"""


def double(x):
    instead(reply(["l"]) + 5 * reply(True))
    return x
