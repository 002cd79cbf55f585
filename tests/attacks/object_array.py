"""Returns an array of objects.

outcome: failed
says: expected an array
"""

import numpy as np


def double(x):
    return np.array([SystemExit, exec, None], dtype=object)
