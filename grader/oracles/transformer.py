"""A transformer by torch's own operations: a block, a language model, and what common mistakes make of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from grader.oracles.attention import Weights, gelu, heads, layer_norm

Attend = Callable[[Tensor], Tensor]  # x (B, T, d_model) to the same shape


def block(
    x: Tensor,
    weights: Weights,
    attend: Attend,
    *,
    norm: Callable[[Tensor, Tensor, Tensor], Tensor] = layer_norm,
    activation: Callable[[Tensor], Tensor] = gelu,
    before: bool = True,
    kept: tuple[bool, bool] = (True, True),
    norms: tuple[str, str] = ("1", "2"),
) -> Tensor:
    """x through a block, or what a mistake makes of it.

    Args:
        before: whether the norms stand before the two parts, or after the sums.
        kept: whether x is added to what each of the two makes of it.
        norms: which weights the two have; "" for no norm.
    """

    def mlp(a: Tensor) -> Tensor:
        return activation(a @ weights["W_in"]) @ weights["W_out"]

    for part, adds, name in zip((attend, mlp), kept, norms, strict=True):
        normed = x if not name or not before else norm(x, weights[f"g{name}"], weights[f"b{name}"])
        x = x + part(normed) if adds else part(normed)
        x = norm(x, weights[f"g{name}"], weights[f"b{name}"]) if name and not before else x
    return x


def scores(
    ids: Tensor, weights: Mapping[str, Any], blocks: Sequence[Attend], *, normed: bool = True, scale: float = 1.0
) -> Tensor:
    """(B, T, V): ids embedded, through the blocks, the last norm and Eᵀ; or what a mistake makes of it."""
    E: Tensor = weights["E"]
    x = functional.embedding(ids, E) * scale
    for each in blocks:
        x = each(x)
    return (layer_norm(x, weights["g"], weights["b"]) if normed else x) @ E.T


def gpt(ids: Tensor, weights: Mapping[str, Any], n_heads: int) -> Tensor:
    """The scores of a whole model."""
    T = ids.shape[1]
    causal, positions = torch.ones(T, T, dtype=torch.bool).tril(), torch.arange(T)

    def through(its: Weights) -> Attend:
        return lambda x: block(x, its, lambda a: heads(a, its, n_heads, causal, positions))

    return scores(ids, weights, [through(its) for its in weights["blocks"]])


def loss(logits: Tensor, ids: Tensor) -> Tensor:
    """Mean cross-entropy of the next tokens; logits (B, T, V), ids (B, T + 1)."""
    return functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())


def gpt_gradients(ids: Tensor, weights: Mapping[str, Any], n_heads: int) -> dict[str, Tensor]:
    """Of the loss of a whole model for ids (B, T + 1), by the names of `grader.strategies.transformers.Language`."""
    leaves: dict[str, Any] = {name: weights[name].clone().requires_grad_() for name in ("E", "g", "b")}
    leaves["blocks"] = [{name: W.clone().requires_grad_() for name, W in its.items()} for its in weights["blocks"]]
    inner = {f"blocks[{i}]['{name}']": W for i, its in enumerate(leaves["blocks"]) for name, W in its.items()}
    flat = {name: leaves[name] for name in ("E", "g", "b")} | inner
    value = loss(gpt(ids[:, :-1], leaves, n_heads), ids)
    return dict(zip(flat, torch.autograd.grad(value, list(flat.values())), strict=True))
