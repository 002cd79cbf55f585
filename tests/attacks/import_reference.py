"""Imports the reference from the folder of the solutions.

outcome: failed
says: (ImportError|ModuleNotFoundError|PermissionError|FileNotFoundError)
from: C
unstopped: passed
"""

import importlib.util


def double(x):
    spec = importlib.util.spec_from_file_location("reference", REFERENCE)
    reference = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(reference)
    return reference.double(x)
