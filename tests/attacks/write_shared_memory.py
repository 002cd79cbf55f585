"""Leaves a file in shared memory.

outcome: failed
says: (Permission|FileNotFound|OS)Error
from: C
unstopped: passed
through: both
"""


def double(x):
    with open(f"/dev/shm/{MARK}", "w") as file:
        file.write("here")
    return honest(x)
