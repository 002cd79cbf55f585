"""Returns twenty thousand objects, each of which the grader has to keep a handle of.

outcome: failed | crashed
"""


def double(x):
    return [object() for _ in range(20_000)]
