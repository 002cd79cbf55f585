"""Raises exceptions that are called like the grader's own verdicts.

outcome: failed
says: (SubmissionTimeout|Skipped|NotStarted|UnsatisfiedAssumption|SubmissionCrashed)
"""

import itertools

NAMES = itertools.cycle(["SubmissionTimeout", "Skipped", "NotStarted", "UnsatisfiedAssumption", "SubmissionCrashed"])


def double(x):
    raise type(next(NAMES), (Exception,), {"__module__": "grader.errors"})("not started")
