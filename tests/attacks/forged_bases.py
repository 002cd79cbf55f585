"""Describes its exception as a built-in one that ends the process that grades.

outcome: failed
says: SystemExit
"""


def double(x):
    kind = type(worker())
    kind._describe = lambda self, error: (["SystemExit", "BaseException", "BaseExceptionGroup", "__import__"], "0", [])
    raise ValueError
