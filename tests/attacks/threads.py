"""Starts thousands of threads.

outcome: failed
says: (can't start new thread|[Mm]emory|MiB)
"""

import threading


def double(x):
    end = threading.Event()
    try:
        for _ in range(5000):
            threading.Thread(target=end.wait, daemon=True).start()
    finally:
        end.set()
    return honest(x)
