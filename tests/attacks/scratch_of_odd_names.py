"""Leaves files whose names are hard to handle.

outcome: passed
"""

import contextlib
import os

NAMES = [b"-rf", b"--no-preserve-root", b"\xff\xfe", b"a\nb", b" ", b"*", b"~", b"$(reboot)", b"n" * 255, b".", b".."]


def double(x):
    for name in NAMES:
        with contextlib.suppress(OSError):
            os.close(os.open(name, os.O_CREAT | os.O_WRONLY))
    return honest(x)
