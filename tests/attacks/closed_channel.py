"""Closes the socket that leads to the grader.

outcome: crashed
says: your code ended its own process
through: both
"""

import os


def double(x):
    os.close(wire().fileno())
    return x
