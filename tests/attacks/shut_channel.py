"""Shuts down the socket that leads to the grader, and stays.

outcome: crashed
says: it closed the connection
"""

import socket
import time


def double(x):
    wire().shutdown(socket.SHUT_RDWR)
    time.sleep(1000)
