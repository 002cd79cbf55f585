"""Mounts a file system of its own over what the sandbox shows.

outcome: failed
says: PermissionError
from: D
"""

CLONE_NEWNS = 0x00020000


def double(x):
    kernel("unshare", CLONE_NEWNS)
    kernel("mount", b"none", b"/", b"tmpfs", 0, 0)
    return honest(x)
