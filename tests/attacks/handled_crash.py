"""Catches its own segmentation fault, and leaves a handler for the next.

outcome: crashed
says: killed by signal 11
"""

import ctypes
import faulthandler

fault = open("fault.txt", "w")  # noqa: SIM115  as long as the process lives
faulthandler.enable(fault)


def double(x):
    return ctypes.string_at(8)
