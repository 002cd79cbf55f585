"""Hands more to the staff's function than may be carried.

outcome: failed | crashed
task: total
says: (more than 16 Mi?B|too large|[Mm]emory)
"""

import numpy as np


def total(x):
    return globals()["double"](np.zeros(16 << 20))
