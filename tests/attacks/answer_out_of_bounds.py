"""Returns an array that reaches beyond its memory.

outcome: crashed
says: killed by signal (7|11)
through: both
"""

import numpy as np


def double(x):
    return np.lib.stride_tricks.as_strided(x, shape=(64,), strides=(1 << 40,))
