"""Makes the work of another student late.

outcome: failed
says: (Permission|FileNotFound|OS)Error
from: D
unstopped: passed
"""

import os


def double(x):
    os.utime(NEIGHBOUR, (2_000_000_000, 2_000_000_000))
    return honest(x)
