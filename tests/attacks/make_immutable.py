"""Makes a file of its own that not even root can remove.

outcome: failed
says: (PermissionError|OSError)
from: D
"""

import fcntl
import os
import struct

GET, SET, IMMUTABLE = 0x80086601, 0x40086602, 0x10


def double(x):
    file = os.open("for-ever", os.O_CREAT | os.O_RDWR)
    fcntl.ioctl(file, SET, struct.pack("=l", IMMUTABLE))
    return honest(x)
