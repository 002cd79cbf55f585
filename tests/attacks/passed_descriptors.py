"""Passes open files to the grader, until it can open no more.

outcome: crashed | failed
says: (cannot be read|PermissionError)
"""

import os
import socket


def double(x):
    files = [os.open(os.devnull, os.O_RDONLY) for _ in range(100)]
    try:
        for _ in range(24):  # a whole number of heads of frames
            socket.send_fds(wire(), [b"\0"], files)
    finally:
        for file in files:
            os.close(file)
    return x
