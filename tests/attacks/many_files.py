"""Leaves thousands of files.

outcome: passed
"""

import os


def double(x):
    for number in range(1000):
        os.close(os.open(f"file{number}", os.O_CREAT | os.O_WRONLY))
    return honest(x)
