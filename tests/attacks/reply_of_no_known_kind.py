"""Answers with a message that says "passed".

outcome: crashed
says: no known kind
"""


def double(x):
    instead(reply(40.0, kind="passed"))
    return x
