"""Runs a program.

outcome: failed
says: (PermissionError|OSError|BlockingIOError)
from: D
unstopped: passed
through: both
"""

import subprocess


def double(x):
    subprocess.run(["/bin/true"], check=True)
    return honest(x)
