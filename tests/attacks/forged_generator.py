"""Sends a random generator whose position lies outside of its buffer.

outcome: crashed
says: the state of a random generator is malformed
"""


def double(x):
    key = ["a", "<u4", [624], True]
    state = ["d", "bit_generator", "MT19937", "state", ["d", "key", key, "pos", 1 << 30]]
    instead(reply(["g", "MT19937", state], b"\0" * 2496))
    return x
