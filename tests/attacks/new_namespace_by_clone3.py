"""Makes a process in new namespaces, by a call whose arguments no filter can see.

outcome: failed
says: (PermissionError|Function not implemented)
from: D
"""

import os
import struct


def double(x):
    arguments = struct.pack("=8Q", 0x10000000, 0, 0, 0, 17, 0, 0, 0)
    if kernel("clone3", arguments, len(arguments)) == 0:
        os._exit(0)
    return honest(x)
