"""Sends a pickle that runs a command where it is loaded.

outcome: crashed
says: no JSON that is allowed
through: both
"""

import os
import pickle


class Run:
    def __reduce__(self):
        return os.system, (f"touch {DROP}/{MARK}",)


def double(x):
    instead(frame(pickle.dumps(Run())))
    return x
