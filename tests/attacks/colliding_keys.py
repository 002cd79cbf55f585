"""Sends a dict whose keys all have the same hash.

outcome: crashed
says: have the same hash
"""


def double(x):
    keys = [(2**61 - 1) * number for number in range(20_000)]
    instead(reply(["d", *[part for key in keys for part in (key, None)]]))
    return x
