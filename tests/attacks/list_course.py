"""Lists the files of the instructor.

outcome: failed
says: (Permission|FileNotFound)Error
from: C
unstopped: passed
"""

import os


def double(x):
    os.listdir(os.path.dirname(SECRET))
    return honest(x)
