"""Ends the interpreter, with a handler that reports success.

outcome: failed
says: SystemExit
through: both
"""

import atexit
import os
import sys

atexit.register(os._exit, 0)


def double(x):
    sys.exit(0)
