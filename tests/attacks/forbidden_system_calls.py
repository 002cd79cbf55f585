"""Tries every system call that no homework needs, and looks for one that is let through.

outcome: failed
says: all [0-9]+ system calls are refused
from: D
"""

import errno


def double(x):
    through = []
    for name in NUMBERS:
        try:
            kernel(name, -1, -1, -1, -1, -1, -1)
            through.append(name)
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.ENOSYS):
                through.append(f"{name} ({error.strerror})")
    if through:
        raise ValueError(f"let through: {', '.join(through)}")
    raise LookupError(f"all {len(NUMBERS)} system calls are refused")
