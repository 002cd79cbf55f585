"""Tells that its argument has another shape now.

outcome: crashed
says: a change alters the shape
"""


def double(x):
    call = worker()._scopes[-1].call
    instead(frame(["ok", call, [[0, ["a", "<f8", [0], True]]], None]))
    return x
