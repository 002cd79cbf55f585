"""Answers each question as the one before.

outcome: failed crashed | crashed
says: belongs to no call
"""

SEEN = []


def double(x):
    SEEN.append(worker()._scopes[-1].call)
    if len(SEEN) > 1:
        instead(reply(True, call=SEEN[-2]))
    return 2 * x
