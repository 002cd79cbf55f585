"""Writes whole tiles, also where the output ends.

says: writes beside its output
"""


def conv2d(x, w, *, stride, padding, out):
    honest(x, w, stride=stride, padding=padding, out=out)
    whole = out.as_strided((out.numel() + 8,), (1,), out.storage_offset())
    whole[-8:] = 0.0
