"""Makes all logits at a time.

says: a tensor of 2,097,152 entries .*; expected 524,288 at most
operation: attention
"""


def attention(q, k, v, *, causal, out):
    honest_attention(q, k, v, causal=causal, out=out, block=q.shape[2])
