"""Leaves a database of examples for Hypothesis to replay.

outcome: failed
through: both
"""

import os
import pathlib

BESIDE = {".hypothesis/examples/0123456789abcdef/0123456789abcdef": "\0"}

os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = os.getcwd()
pathlib.Path(".hypothesis/examples").mkdir(parents=True, exist_ok=True)
pathlib.Path(".hypothesis/unicode_data").touch()


def double(x):
    return x
