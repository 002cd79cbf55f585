"""Becomes a program that runs as root.

outcome: failed
says: (PermissionError|FileNotFoundError)
from: D
unstopped: crashed
"""

import os


def double(x):
    os.execve("/bin/su", ["su", "-c", "true"], {})
