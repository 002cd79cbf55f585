"""Opens its own memory as a file, past the protection of pages.

outcome: failed
says: (Permission|FileNotFound)Error
from: C
unstopped: passed
"""


def double(x):
    with open("/proc/self/mem", "r+b"):
        return honest(x)
