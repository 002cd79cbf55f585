"""Sends very many empty lists, for the grader to make objects of.

outcome: failed | crashed
"""


def double(x):
    text = b",".join([b'["l"]'] * 300_000)
    call = worker()._scopes[-1].call
    instead(frame(b'["ok","%s",[],["l",%s]]' % (call.encode(), text)))
    return x
