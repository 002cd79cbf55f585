r"""Writes half of the output.

says: out\[n = 0, k = 4\] holds NaN
"""


def conv2d(x, w, *, stride, padding, out):
    honest(x, w[:4], stride=stride, padding=padding, out=out[:, :4])
