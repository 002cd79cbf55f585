"""Calls the library's convolution.

says: aten::conv2d is the library
"""


def conv2d(x, w, *, stride, padding, out):
    out.copy_(torch.nn.functional.conv2d(x, w, stride=stride, padding=padding))
