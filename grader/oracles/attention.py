"""Attention and what is around it, by torch's own operations; with the conventions of assignment 6.

q (B, h, Tq, d), k (B, h, Tk, d), v (B, h, Tk, e); masks are bool, True where attention is allowed.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def layer_norm(x: Tensor, g: Tensor, b: Tensor, eps: float = 1e-5) -> Tensor:
    return functional.layer_norm(x, x.shape[-1:], g, b, eps)
