"""Has a layer of the library attend, with weights that change nothing.

says: aten::_native_multi_head_attention is the library
operation: attention
"""


def attention(q, k, v, *, causal, out):
    width = q.shape[3]
    once, nothing = torch.eye(width), torch.zeros(3 * width)
    for head in range(q.shape[1]):
        tensors = q[:, head], k[:, head], v[:, head]
        found = torch._native_multi_head_attention(
            *tensors, width, 1, once.repeat(3, 1), nothing, once, nothing[:width], need_weights=False
        )
        out[:, head] = found[0]
