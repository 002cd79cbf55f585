"""Keeps the staff's function of one check, to have another task solved by it.

outcome: failed crashed
says: nothing kept yet
"""

KEPT = []


def total(x):
    KEPT.append(globals()["double"])
    return KEPT[-1](x).sum()


def double(x):
    if not KEPT:
        raise LookupError("nothing kept yet")
    return KEPT[-1](x)
