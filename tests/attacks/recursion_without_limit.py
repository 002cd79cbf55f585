"""Calls itself without end, after it took the limit away.

outcome: crashed | failed
says: (ended its own process|[Mm]emory|MiB|RecursionError)
"""

import sys


def double(x):
    sys.setrecursionlimit(1 << 30)

    class Deep:
        def __repr__(self):
            return repr([self])

    return repr(Deep())
