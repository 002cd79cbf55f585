"""Leaves a file in the folder that holds those of all workers.

outcome: failed
says: (Permission|FileNotFound|OS)Error
from: D
unstopped: passed
"""


def double(x):
    with open(f"../{MARK}", "w") as file:
        file.write("here")
    return honest(x)
