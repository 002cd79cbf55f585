"""Describes an exception whose message is as long as a frame may be.

outcome: failed | crashed
"""


def double(x):
    type(worker())._describe = lambda self, error: (["\x1b" * 300_000], "\u202e\x1b" * 300_000, [])
    raise ValueError
