"""Calls the staff's function without end.

outcome: timeout
task: total
says: total did not return within
"""


def total(x):
    while True:
        globals()["double"](x)
