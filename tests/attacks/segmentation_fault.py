"""Reads from an address that does not exist.

outcome: crashed
says: killed by signal 11
through: both
"""

import ctypes


def double(x):
    return ctypes.string_at(8)
