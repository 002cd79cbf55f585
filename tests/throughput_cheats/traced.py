"""Has the library's convolution traced.

says: the library
"""


def conv2d(x, w, *, stride, padding, out):
    traced = torch.jit.trace(lambda a, b: torch.nn.functional.conv2d(a, b, stride=stride, padding=padding), (x, w))
    out.copy_(traced(x, w))
