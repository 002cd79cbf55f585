"""Writes extended attributes to the work of another student.

outcome: failed
says: (Permission|FileNotFound|OS)Error
from: D
"""

import os


def double(x):
    os.setxattr(NEIGHBOUR, "user.late", b"1")
    return honest(x)
