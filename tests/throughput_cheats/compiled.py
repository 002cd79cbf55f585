"""Has torch.compile write the kernel.

says: torch.compile is the library
"""

compiled = []


def conv2d(x, w, *, stride, padding, out):
    compiled or compiled.append(torch.compile(honest))
    compiled[0](x, w, stride=stride, padding=padding, out=out)
