"""Tells of changes to values that it was not given.

outcome: crashed
says: a change names no argument
"""


def double(x):
    call = worker()._scopes[-1].call
    instead(frame(["ok", call, [[99, ["l"]], [-1, ["l"]]], None]))
    return x
