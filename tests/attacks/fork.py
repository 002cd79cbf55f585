"""Makes a process that lives on.

outcome: failed
says: (PermissionError|BlockingIOError)
from: D
"""

import os
import time


def double(x):
    if os.fork() == 0:
        time.sleep(60)
        os._exit(0)
    return honest(x)
