"""Makes the hidden checks a file of its own folder.

outcome: failed
says: (PermissionError|FileNotFoundError|OSError)
from: C
unstopped: passed
"""

import os
import pathlib


def double(x):
    link = pathlib.Path("link")
    link.unlink(missing_ok=True)
    os.link(SECRET, link)
    link.read_text()
    return honest(x)
