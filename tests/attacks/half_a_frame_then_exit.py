"""Sends half a frame, then ends.

outcome: crashed
says: your code ended its own process
"""

import os


def double(x):
    wire().sendall(reply(None, b"\0" * 1000)[:500])
    os._exit(0)
