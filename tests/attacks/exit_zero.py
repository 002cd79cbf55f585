"""Ends its process with status 0, as if all had gone well.

outcome: crashed
says: your code ended its own process [(]exit status 0[)]
through: both
"""

import os


def double(x):
    os._exit(0)
