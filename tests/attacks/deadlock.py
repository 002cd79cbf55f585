"""Waits for a lock that it holds.

outcome: timeout
says: double did not return within
"""

import threading


def double(x):
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()
