"""Makes a file of a terabyte that takes no room.

outcome: failed
says: (File too large|No space left|quota|MiB)
"""

import os


def double(x):
    os.truncate(os.open("file", os.O_CREAT | os.O_RDWR), 1 << 40)
    return honest(x)
