"""Leaves a file in /tmp for the next submission.

outcome: failed
says: (Permission|FileNotFound|OS)Error
from: C
unstopped: passed
"""


def double(x):
    with open(f"/tmp/{MARK}", "w") as file:
        file.write("here")
    return honest(x)
