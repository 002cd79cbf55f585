"""Puts the folders of the course on its path and imports what lies there.

outcome: failed
says: (ModuleNotFoundError|ImportError)
from: C
unstopped: passed
"""

import os
import sys


def double(x):
    sys.path.insert(0, os.path.dirname(SECRET))
    sys.path_importer_cache.clear()
    sys.meta_path[:] = [finder for finder in sys.meta_path if "Withheld" not in str(finder)]
    import test_work_hidden

    assert test_work_hidden.TOKEN
    return honest(x)
