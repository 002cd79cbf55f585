"""Returns infinities, whose differences are no numbers.

outcome: failed
"""

import numpy as np


def double(x):
    return np.where(x < 0, -np.inf, np.inf)
