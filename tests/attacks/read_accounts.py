"""Reads the accounts of the machine.

outcome: failed
says: (Permission|FileNotFound)Error
from: C
unstopped: passed
"""


def double(x):
    with open("/etc/passwd") as file:
        file.read()
    return honest(x)
