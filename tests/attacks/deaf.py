"""Answers, and reads no further question.

outcome: timeout | passed timeout
says: did not return within
"""

import time


def double(x):
    worker()._channel.receive = lambda deadline=None: time.sleep(10_000)
    return honest(x)
