"""Raises the exception by which unittest skips a test.

outcome: failed
says: SkipTest
"""

import unittest


def double(x):
    raise unittest.SkipTest("not today")
