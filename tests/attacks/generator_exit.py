"""Raises GeneratorExit, which many a loop takes for its own end.

outcome: failed
says: double raised GeneratorExit
"""


def double(x):
    raise GeneratorExit
