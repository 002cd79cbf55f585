"""Opens files until there are no descriptors left.

outcome: failed | crashed
says: (Too many open files|ended its own process)
"""

import os


def double(x):
    while True:
        os.open(os.devnull, os.O_RDONLY)
