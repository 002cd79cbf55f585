"""Fills the disk with one file.

outcome: failed
says: (File too large|No space left|quota|MiB)
through: both
"""


def double(x):
    with open("file", "wb") as file:
        for _ in range(64):
            file.write(bytes(1 << 20))
    return honest(x)
