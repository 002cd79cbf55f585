"""Reaches the hidden checks from its own folder, upwards.

outcome: failed
says: (Permission|FileNotFound)Error
from: C
unstopped: passed
"""


def double(x):
    with open("../" * 20 + SECRET.lstrip("/")) as file:
        file.read()
    return honest(x)
