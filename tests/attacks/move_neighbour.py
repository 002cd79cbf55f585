"""Takes the work of another student away.

outcome: failed
says: (Permission|FileNotFound|OS)Error
from: D
unstopped: passed
"""

import os


def double(x):
    os.rename(NEIGHBOUR, f"{NEIGHBOUR}-{MARK}")
    os.rename(f"{NEIGHBOUR}-{MARK}", NEIGHBOUR)
    return honest(x)
