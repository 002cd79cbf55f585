"""Fills the disk with many files, none of which is too large.

outcome: failed
says: (No space left|quota|MiB)
from: A
unstopped: passed
"""


def double(x):
    for number in range(6):
        with open(f"file{number}", "wb") as file:
            file.write(bytes(2 << 20))
    return honest(x)
