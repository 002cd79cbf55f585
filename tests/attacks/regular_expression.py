"""Matches a regular expression that takes exponential time.

outcome: timeout
says: double did not return within
"""

import re


def double(x):
    return re.match(r"(a+)+$", "a" * 60 + "b")
