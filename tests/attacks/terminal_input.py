"""Types into the terminal of the instructor.

outcome: failed
says: (PermissionError|OSError|FileNotFoundError)
from: D
"""

import fcntl
import termios


def double(x):
    for descriptor in (0, 1, 2):
        try:
            fcntl.ioctl(descriptor, termios.TIOCSTI, b"\n")
            return honest(x)
        except OSError as error:
            refused = error
    raise refused
