"""Has the kernel send a signal to the process that grades whenever its own socket can be read.

outcome: failed
says: (PermissionError|ProcessLookupError)
from: D
"""

import fcntl
import socket


def double(x):
    one, _ = socket.socketpair()
    fcntl.fcntl(one, fcntl.F_SETOWN, TRUSTED_PID)
    fcntl.fcntl(one, fcntl.F_SETSIG, 28)  # SIGWINCH, which does no harm
    if fcntl.fcntl(one, fcntl.F_GETOWN) != TRUSTED_PID:
        raise PermissionError("it belongs to nobody else")
    return honest(x)
