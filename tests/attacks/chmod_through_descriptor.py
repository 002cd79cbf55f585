"""Changes the mode of a folder that it may open, through a descriptor.

outcome: failed
says: (Permission|FileNotFound|OS)Error
from: D
unstopped: passed
"""

import os


def double(x):
    os.fchmod(os.open(DROP, os.O_RDONLY), 0o777)
    return honest(x)
