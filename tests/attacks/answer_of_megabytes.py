"""Returns far more than may be returned.

outcome: failed | crashed
says: returned more than 16 Mi?B
through: both
"""

import numpy as np


def double(x):
    return np.zeros(4 << 20)
