"""Sends half a frame, then waits.

outcome: timeout
says: double did not return within
through: both
"""

import time


def double(x):
    wire().sendall(reply(None, b"\0" * 1000)[:500])
    time.sleep(1000)
