"""Sets variables by which the loader and Python would run its code in other processes.

outcome: failed
"""

import os

for name in (
    "LD_PRELOAD",
    "LD_LIBRARY_PATH",
    "PYTHONSTARTUP",
    "PYTHONPATH",
    "PYTHONHOME",
    "PYTEST_ADDOPTS",
    "BASH_ENV",
):
    os.environ[name] = os.getcwd()


def double(x):
    return x
