"""Takes open files out of the process that grades.

outcome: failed
says: (PermissionError|ProcessLookupError)
from: D
"""


def double(x):
    process = kernel("pidfd_open", TRUSTED_PID, 0)
    kernel("pidfd_getfd", process, 1, 0)
    return honest(x)
