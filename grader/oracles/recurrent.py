"""Recurrent networks by torch's cells and automatic differentiation, with the conventions of assignment 5.

x (N, K), h (N, m), c (N, m); gates are blocks of m columns of U, W and b, in the order that a cell's text names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike

from grader.oracles.tensors import Array, arrays, leaf, pulled, tensor

WEIGHTS = ("U", "W", "b")
NAMES = ("U", "W", "V", "b", "c")
Tensors = tuple[torch.Tensor, ...]


def rnn_cell(x: torch.Tensor, h: torch.Tensor, U: torch.Tensor, W: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """tanh(x U + h W + b)."""
    return torch.rnn_tanh_cell(x, h, U.T, W.T, b, torch.zeros_like(b))


def lstm_cell(
    x: torch.Tensor, h: torch.Tensor, c: torch.Tensor, U: torch.Tensor, W: torch.Tensor, b: torch.Tensor
) -> Tensors:
    """(h, c) of an LSTM with the gates i, f, o, g; torch has them as i, f, g, o."""
    U, W, b = (regrouped(part, (0, 1, 3, 2)) for part in (U, W, b))
    return torch.lstm_cell(x, (h, c), U.T, W.T, b, torch.zeros_like(b))


def gru_cell(x: torch.Tensor, h: torch.Tensor, U: torch.Tensor, W: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """h of a GRU with the gates r, z, n, as torch has them; n's bias belongs to the input."""
    return torch.gru_cell(x, h, U.T, W.T, b, torch.zeros_like(b))


def regrouped(weights: torch.Tensor, order: Sequence[int]) -> torch.Tensor:
    """Blocks of columns in another order."""
    blocks = weights.chunk(len(order), dim=-1)
    return torch.cat([blocks[i] for i in order], dim=-1)


def one_hot(indices: ArrayLike, K: int) -> Array:
    rows = torch.nn.functional.one_hot(tensor(indices).long(), K).double()
    return np.asarray(rows.numpy())


def rnn_step_forward(x: Array, h_prev: Array, params: Mapping[str, Array]) -> tuple[Array, Any]:
    inputs = (x, h_prev, *(params[name] for name in WEIGHTS))
    return rnn_cell(*map(tensor, inputs)).numpy(), tuple(np.array(part) for part in inputs)


def rnn_step_backward(dh: Array, cache: Any) -> tuple[Array, ...]:
    inputs = [leaf(part) for part in cache]
    return pulled(rnn_cell(*inputs), dh, *inputs)


def read(X: Array, h0: Array, params: Mapping[str, torch.Tensor]) -> Tensors:
    """(scores (T, K), h_T (m,)) of a network whose parameters are tensors."""
    h, states = tensor(h0)[None], []
    for x in tensor(X):
        h = rnn_cell(x[None], h, *(params[name] for name in WEIGHTS))
        states.append(h[0])
    return torch.stack(states) @ params["V"] + params["c"], states[-1]


def rnn_forward(X: Array, Y: Array, h0: Array, params: Mapping[str, Array]) -> tuple[float, Array, Any]:
    scores, h = read(X, h0, {name: tensor(params[name]) for name in NAMES})
    loss = torch.nn.functional.cross_entropy(scores, tensor(Y))
    kept = {name: np.array(params[name]) for name in NAMES}
    return loss.item(), h.numpy(), (np.array(X), np.array(Y), np.array(h0), kept)


def rnn_backward(cache: Any) -> dict[str, Array]:
    X, Y, h0, params = cache
    leaves = {name: leaf(params[name]) for name in NAMES}
    loss = torch.nn.functional.cross_entropy(read(X, h0, leaves)[0], tensor(Y))
    return dict(zip(NAMES, arrays(*torch.autograd.grad(loss, list(leaves.values()))), strict=True))


def clip_gradients(grads: Mapping[str, Array], limit: float = 5.0) -> dict[str, Array]:
    return {name: tensor(grad).clamp(-limit, limit).numpy() for name, grad in grads.items()}


def next_probabilities(
    params: Mapping[str, Array], h: Array, index: int, temperature: float = 1.0
) -> tuple[Array, Array]:
    """(probabilities (K,) of what follows the character `index`, the state (m,) after it), in float64."""
    wide = {name: tensor(params[name]).double() for name in NAMES}
    scores, h = read(one_hot([index], len(params["c"])), np.asarray(h, np.float64), wide)
    return torch.softmax(scores[0] / temperature, dim=0).numpy(), h.numpy()


def nucleus(p: ArrayLike, top_p: float) -> Array:
    """Probabilities (K,) with the nucleus alone: among equal ones at its border, the first (Holtzman et al., 2020)."""
    sizes, order = tensor(p).sort(descending=True, stable=True)
    before = sizes.cumsum(0) - sizes  # what the more probable ones have together
    kept = torch.zeros_like(sizes).scatter(0, order, sizes * (before < top_p))
    return np.asarray((kept / kept.sum()).numpy())


def synthesize(
    params: Mapping[str, Array],
    h0: Array,
    x0: int,
    n: int,
    rng: np.random.Generator,
    temperature: float = 1.0,
    top_p: float | None = None,
) -> Array:
    """n characters, each found by one uniform number on the scale of the summed probabilities."""
    h, index, drawn = h0, int(x0), []
    for level in rng.random(n):
        p, h = next_probabilities(params, h, index, temperature)
        p = p if top_p is None else nucleus(p, top_p)
        index = min(int((np.cumsum(p) <= level).sum()), p.size - 1)
        drawn.append(index)
    return np.array(drawn, dtype=np.int64)


def build_vocab(text: str) -> tuple[list[str], dict[str, int], dict[int, str]]:
    """The characters in the order in which they appear for the first time."""
    chars = list(dict.fromkeys(text))
    return chars, {char: i for i, char in enumerate(chars)}, dict(enumerate(chars))
