"""Runs a program by posix_spawn and by the shell.

outcome: failed
says: (PermissionError|OSError|BlockingIOError)
from: D
unstopped: passed
"""

import os


def double(x):
    if os.system("true") == 0:
        return honest(x)
    os.waitpid(os.posix_spawn("/bin/true", ["true"], {}), 0)
    return honest(x)
