"""Returns an array that lies in a file, as an honest submission might.

outcome: passed
"""

import numpy as np


def double(x):
    y = np.memmap("answer", dtype=x.dtype, mode="w+", shape=x.shape)
    y[...] = 2 * x
    return y
