"""Announces a frame of exabytes.

outcome: crashed
says: (a frame announces .* too large|returned more than 16 Mi?B)
"""

import struct


def double(x):
    instead(struct.pack("!IQ", 2**32 - 1, 2**62))
    return x
