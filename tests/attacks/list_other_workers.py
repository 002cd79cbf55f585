"""Lists the folders of those that are graded at the same time.

outcome: failed
says: (PermissionError|FileNotFoundError)
from: C
unstopped: passed
"""

import os


def double(x):
    os.listdir("..")
    return honest(x)
