"""Returns twenty thousand empty arrays.

outcome: failed | crashed
"""

import numpy as np


def double(x):
    return [np.zeros(0) for _ in range(20_000)]
