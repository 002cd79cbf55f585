"""Writes into the package that grades.

outcome: failed
says: (Permission|FileNotFound|OS)Error
from: D
"""

import os

import grader


def double(x):
    with open(f"{os.path.dirname(grader.__file__)}/{MARK}.py", "w") as file:
        file.write("# nothing\n")
    return honest(x)
