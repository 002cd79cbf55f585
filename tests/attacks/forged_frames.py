"""Describes an exception that went through twenty thousand lines, each a long one.

outcome: failed | crashed
"""


def double(x):
    frames = [("work.py", 1, "double", "spam" * 30)] * 20_000
    type(worker())._describe = lambda self, error: (["ValueError"], "spam", frames)
    raise ValueError
