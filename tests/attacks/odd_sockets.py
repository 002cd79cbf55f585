"""Opens a socket of any other family that the kernel may know.

outcome: failed
says: no socket of [0-9]+ families
from: D
"""

import errno
import socket


def double(x):
    tried = 0
    for family in [*range(2, 46)]:
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET):
            try:
                socket.socket(family, kind).close()
                raise ValueError(f"a socket of family {family}, kind {kind}")
            except OSError as error:
                if error.errno not in (errno.EPERM, errno.EACCES, errno.EAFNOSUPPORT):
                    raise ValueError(f"family {family}, kind {kind} met {error}") from None
        tried += 1
    raise LookupError(f"no socket of {tried} families")
