"""Ends its process when one of its objects is collected.

outcome: crashed
says: your code ended its own process [(]exit status 0[)]
"""

import os


class Last:
    def __del__(self):
        os._exit(0)


def double(x):
    Last()
    return x
