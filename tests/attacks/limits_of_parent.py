"""Changes the limits of the process that grades.

outcome: failed
says: (PermissionError|ProcessLookupError)
from: D
unstopped: passed
"""

import resource


def double(x):
    resource.prlimit(TRUSTED_PID, resource.RLIMIT_CORE, resource.prlimit(TRUSTED_PID, resource.RLIMIT_CORE))
    return honest(x)
