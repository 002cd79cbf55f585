"""Multiplies in bfloat16.

says: relative error
"""


def conv2d(x, w, *, stride, padding, out):
    columns = torch.nn.functional.unfold(x, w.shape[2:], stride=stride, padding=padding)
    out.copy_((w.flatten(1).bfloat16() @ columns.bfloat16()).view(out.shape))
