"""Writes a .pth file that every Python of this installation would run.

outcome: failed
says: (Permission|FileNotFound|OS)Error
from: D
"""

import sysconfig


def double(x):
    with open(f"{sysconfig.get_path('purelib')}/{MARK}.pth", "w") as file:
        file.write("# nothing\n")
    return honest(x)
