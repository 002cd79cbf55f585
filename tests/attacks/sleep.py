"""Sleeps.

outcome: timeout
says: double did not return within
"""

import time


def double(x):
    time.sleep(10_000)
