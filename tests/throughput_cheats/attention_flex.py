"""Has flex_attention do it.

says: the library
operation: attention
"""


def attention(q, k, v, *, causal, out):
    from torch.nn.attention.flex_attention import create_block_mask, flex_attention

    steps = q.shape[2]
    mask = create_block_mask(lambda b, h, i, j: i >= j, None, None, steps, steps, device="cpu") if causal else None
    out.copy_(flex_attention(q, k, v, block_mask=mask))
