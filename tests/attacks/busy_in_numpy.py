"""Multiplies matrices for ever.

outcome: timeout
says: double did not return within
"""

import numpy as np


def double(x):
    matrix = np.ones((1500, 1500))
    while True:
        matrix = matrix @ matrix
