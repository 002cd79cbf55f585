"""Returns an array that lies in a file which it has cut short.

outcome: crashed
says: ended its own process
"""

import numpy as np


def double(x):
    y = np.memmap("answer", dtype=x.dtype, mode="w+", shape=(1 << 16,))
    with open("answer", "r+b") as file:
        file.truncate(0)
    return y
