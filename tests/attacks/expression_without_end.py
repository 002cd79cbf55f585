"""Has Python compile an expression that is nested a hundred thousand deep.

outcome: failed | crashed
says: (ended its own process|[Mm]emory|MiB|RecursionError|SyntaxError)
"""


def double(x):
    return eval("(" * 100_000 + "x" + ")" * 100_000)
