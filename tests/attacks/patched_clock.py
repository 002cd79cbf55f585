"""Stops its clocks and its timers, then computes for ever.

outcome: timeout
says: double did not return within
"""

import signal
import time

time.monotonic = time.time = time.perf_counter = time.process_time = lambda: 0.0
signal.setitimer(signal.ITIMER_REAL, 0)


def double(x):
    while True:
        pass
