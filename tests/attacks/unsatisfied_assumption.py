"""Rejects every example, so that Hypothesis has none that fails.

outcome: failed
says: UnsatisfiedAssumption
through: both
"""

import hypothesis


def double(x):
    hypothesis.reject()
