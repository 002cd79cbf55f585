"""Calls the library's attention.

says: aten::scaled_dot_product_attention is the library
operation: attention
"""


def attention(q, k, v, *, causal, out):
    out.copy_(torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=causal))
