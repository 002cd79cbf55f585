"""Takes more and more memory from call to call, and keeps it.

outcome: passed failed | failed
says: ([Mm]emory|MiB)
"""

KEPT = []


def double(x):
    KEPT.append(bytearray(120 << 20))
    return honest(x)
