"""Fills the memory with an array.

outcome: failed
says: ([Mm]emory|MiB)
through: both
"""

import numpy as np


def double(x):
    np.ones(1 << 27)
    return honest(x)
