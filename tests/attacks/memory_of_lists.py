"""Fills the memory with lists.

outcome: failed
says: ([Mm]emory|MiB)
"""


def double(x):
    kept = []
    for _ in range(1000):
        kept.append([0.0] * 1_000_000)
    return honest(x)
