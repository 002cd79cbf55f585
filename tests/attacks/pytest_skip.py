"""Skips the check that calls it.

outcome: failed
says: Skipped
through: both
"""

import pytest


def double(x):
    pytest.skip("not today")
