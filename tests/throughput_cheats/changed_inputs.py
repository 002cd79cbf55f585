"""Spoils its inputs after use.

says: changes its inputs
"""


def conv2d(x, w, *, stride, padding, out):
    honest(x, w, stride=stride, padding=padding, out=out)
    x.zero_()
