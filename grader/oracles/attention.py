"""Attention and what is around it, by torch's own operations; with the conventions of assignment 6.

q (B, h, Tq, d), k (B, h, Tk, d), v (B, h, Tk, e); masks are bool, True where attention is allowed.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

BASE = 10_000.0
Weights = Mapping[str, Tensor]


def layer_norm(x: Tensor, g: Tensor, b: Tensor, eps: float = 1e-5) -> Tensor:
    return functional.layer_norm(x, x.shape[-1:], g, b, eps)


def gelu(x: Tensor) -> Tensor:
    return functional.gelu(x)


def sdpa(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None, scale: float | None = None) -> Tensor:
    """torch's, and 0 for a query that may attend to nothing; `scale` is 1/√d if it is not given."""
    if not isinstance(mask, Tensor):
        return functional.scaled_dot_product_attention(q, k, v, scale=scale)
    allowed = mask.expand(*q.shape[:-1], k.shape[-2])
    some = allowed.any(-1, keepdim=True)
    out = functional.scaled_dot_product_attention(q, k, v, attn_mask=allowed | ~some, scale=scale)
    return torch.where(some, out, 0)


def sdpa_backward(do: Tensor, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> tuple[Tensor, ...]:
    """The gradients of sum(do * sdpa(q, k, v, mask)) by q, k and v."""
    leaves = [part.detach().requires_grad_() for part in (q, k, v)]
    return torch.autograd.grad(sdpa(leaves[0], leaves[1], leaves[2], mask), leaves, do)


def rope(x: Tensor, positions: Tensor) -> Tensor:
    """Pairs of neighbouring features of x (B, h, T, d) as complex numbers, turned."""
    rates = BASE ** (-torch.arange(0, x.shape[-1], 2, dtype=torch.float64) / x.shape[-1])
    angles = positions.double()[..., None] * rates
    turns = torch.polar(torch.ones_like(angles), angles)
    turns = (turns[:, None] if positions.dim() == 2 else turns).to(torch.complex64 if x.dtype.itemsize < 8 else None)
    return torch.view_as_real(torch.view_as_complex(x.reshape(*x.shape[:-1], -1, 2).contiguous()) * turns).flatten(-2)


def rope_of_halves(x: Tensor, positions: Tensor) -> Tensor:
    """The same with the pairs (i, i + d/2), which many models have."""
    d = x.shape[-1]
    order = torch.arange(d).reshape(2, d // 2).T.flatten()
    return rope(x[..., order], positions)[..., order.argsort()]


def heads(
    x: Tensor,
    weights: Weights,
    n_heads: int,
    mask: Tensor | None = None,
    positions: Tensor | None = None,
    *,
    turned: str = "qk",
    halves: bool = False,
    cut: str = "columns",
    joined: bool = True,
    projected: bool = True,
    scale: float | None = None,
) -> Tensor:
    """x (B, T, d_model) through attention by several heads, or what a mistake makes of it.

    Args:
        turned: what of q, k and v is turned by its positions.
        halves: whether RoPE pairs features of the two halves.
        cut: how features become heads: "columns", "interleaved" (head i has every n_heads-th column), or "viewed"
            (tokens and features are mixed up).
        joined: whether heads and tokens change places before heads are joined.
        projected: whether Wo comes last.
        scale: see `sdpa`.
    """
    parts = {}
    for name in "qkv":
        part = x @ weights[f"W{name}"]
        if cut == "columns":
            part = part.reshape(*x.shape[:2], n_heads, -1).transpose(1, 2)
        elif cut == "interleaved":
            part = part.reshape(*x.shape[:2], -1, n_heads).permute(0, 3, 1, 2)
        else:
            part = part.reshape(x.shape[0], n_heads, x.shape[1], -1)
        if positions is not None and name in turned:
            part = (rope_of_halves if halves else rope)(part, positions)
        parts[name] = part
    out = sdpa(parts["q"], parts["k"], parts["v"], mask, scale)
    out = (out.transpose(1, 2) if joined else out).reshape(x.shape)
    return out @ weights["Wo"] if projected else out
