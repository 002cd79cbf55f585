"""Sends its answer so slowly that no single read waits for long.

outcome: timeout
says: double did not return within
"""

import time


def double(x):
    for byte in reply(None, b"\0" * 1000):
        wire().sendall(bytes([byte]))
        time.sleep(0.05)
