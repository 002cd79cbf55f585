"""Makes its process describe every exception as one that skips a check.

outcome: failed
says: Skipped
"""


def double(x):
    kind = type(worker())
    kind._describe = lambda self, error: (["Skipped", "OutcomeException", "KeyboardInterrupt"], "skip", [])
    raise ValueError
