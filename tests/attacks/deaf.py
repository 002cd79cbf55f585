"""Answers, and reads no further question, not even those that lie ready.

outcome: timeout
says: did not return within
"""

import time


def double(x):
    worker()._waiting.clear()
    worker()._channel.receive = lambda deadline=None: time.sleep(10_000)
    return honest(x)
