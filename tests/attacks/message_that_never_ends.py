"""Raises an exception whose text takes for ever.

outcome: timeout
says: double did not return within
"""


class Endless(Exception):
    def __str__(self):
        while True:
            pass


def double(x):
    raise Endless
