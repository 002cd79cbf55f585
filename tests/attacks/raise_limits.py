"""Raises its own limits, then uses what they were to keep.

outcome: failed
says: (ValueError|PermissionError)
from: D
"""

import resource


def double(x):
    for kind in (resource.RLIMIT_AS, resource.RLIMIT_CPU, resource.RLIMIT_FSIZE):
        resource.setrlimit(kind, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    return honest(x)
