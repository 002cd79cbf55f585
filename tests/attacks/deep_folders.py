"""Leaves folders in folders, deeper than those who clean up can recurse.

outcome: passed
through: both
"""

import os


def double(x):
    if not os.path.exists("d"):
        here = os.getcwd()
        for _ in range(1050):
            os.mkdir("d")
            os.chdir("d")
        os.chdir(here)
    return honest(x)
