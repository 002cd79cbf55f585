"""Watches other processes by performance counters.

outcome: failed
says: (PermissionError|Function not implemented)
from: D
"""

import ctypes


def double(x):
    kernel("perf_event_open", ctypes.create_string_buffer(128), TRUSTED_PID, -1, -1, 0)
    return honest(x)
