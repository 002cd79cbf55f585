"""Leaves threads that compute when the call is over.

outcome: passed | failed | timeout | passed failed | passed timeout | failed timeout | passed failed timeout
"""

import threading


def busy():
    while True:
        pass


def double(x):
    for _ in range(3):
        threading.Thread(target=busy, daemon=True).start()
    return honest(x)
