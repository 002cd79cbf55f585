"""Looks for open files that it has inherited.

outcome: failed
says: nothing inherited
through: both
"""

import os
import stat


def double(x):
    null = os.stat(os.devnull)
    for descriptor in range(1024):
        try:
            found = os.fstat(descriptor)
        except OSError:
            continue
        if descriptor == wire().fileno() or (found.st_rdev == null.st_rdev and stat.S_ISCHR(found.st_mode)):
            continue
        raise ValueError(f"inherited {descriptor}: {found}")
    raise LookupError("nothing inherited")
