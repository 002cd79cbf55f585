"""Sends a value that is nested deeper than values may be.

outcome: crashed
says: nested too deeply
"""


def double(x):
    tree = None
    for _ in range(200):
        tree = ["t", tree]
    instead(reply(tree))
    return x
