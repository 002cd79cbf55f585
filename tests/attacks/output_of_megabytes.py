"""Prints a hundred megabytes.

outcome: passed
through: both
"""

import os
import sys


def double(x):
    for descriptor in (1, 2):
        for _ in range(50):
            os.write(descriptor, bytes(1 << 20))
    sys.stdout.write("spam" * 100_000)
    return honest(x)
