"""Raises a group of exceptions that holds one of each kind that ends a run.

outcome: failed
says: BaseExceptionGroup
"""


def double(x):
    raise BaseExceptionGroup("all", [SystemExit(0), KeyboardInterrupt(), GeneratorExit()])
