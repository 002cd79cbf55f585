"""Puts a file of its own in the place of the checks.

outcome: failed
says: (Permission|FileNotFound|OS)Error
from: D
"""

import os
import pathlib


def double(x):
    pathlib.Path("mine").write_text("")
    os.rename("mine", SECRET)
    return honest(x)
