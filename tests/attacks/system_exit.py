"""Raises SystemExit, which would end a test run without a failure.

outcome: failed
says: double raised SystemExit: 0
"""


def double(x):
    raise SystemExit(0)
