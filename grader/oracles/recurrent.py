"""Recurrent networks by torch's cells and automatic differentiation, with the conventions of assignment 5.

x (N, K), h (N, m), c (N, m); gates are blocks of m columns of U, W and b, in the order that a cell's text names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike

from grader.oracles.optimisers import adagrad
from grader.oracles.tensors import Array, arrays, leaf, pulled, tensor

WEIGHTS = ("U", "W", "b")
NAMES = ("U", "W", "V", "b", "c")
Tensors = tuple[torch.Tensor, ...]


def rnn_cell(x: torch.Tensor, h: torch.Tensor, U: torch.Tensor, W: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """tanh(x U + h W + b)."""
    return torch.addmm(torch.addmm(b, x, U), h, W).tanh()


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
    cache = tuple(np.array(part) for part in (x, h_prev, *(params[name] for name in WEIGHTS)))
    return one_step(*map(tensor, cache)).numpy(), cache


def rnn_step_backward(dh: Array, cache: Any) -> tuple[Array, ...]:
    inputs = [leaf(part) for part in cache]
    return pulled(one_step(*inputs), dh, *inputs)


def one_step(x: torch.Tensor, h: torch.Tensor, *weights: torch.Tensor) -> torch.Tensor:
    """`rnn_cell`, also for one sequence, x (K,) and h (m,): inside a submission that is a matter of taste."""
    return rnn_cell(x.reshape(-1, x.shape[-1]), h.reshape(-1, h.shape[-1]), *weights).reshape(h.shape)


def read(X: Array, h0: Array, params: Mapping[str, torch.Tensor]) -> Tensors:
    """(scores (T, K), h_T (m,)) of a network whose parameters are tensors."""
    U, W, b = (params[name] for name in WEIGHTS)
    weights = [U.T.contiguous(), W.T.contiguous(), b, torch.zeros_like(b)]
    states, last = torch.rnn_tanh(
        tensor(X)[:, None], tensor(h0)[None, None], weights, True, 1, 0.0, False, False, False
    )
    return states[:, 0] @ params["V"] + params["c"], last[0, 0]


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
    scores, state = read(one_hot([index], len(params["c"])), np.asarray(h, np.float64), wide)
    return torch.softmax(scores[0] / temperature, dim=0).numpy(), state.numpy()


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
    return chars, dict(zip(chars, range(len(chars)), strict=True)), dict(enumerate(chars))


def epochs(n_windows: int, n_updates: int) -> list[tuple[bool, int]]:
    """For each update whether it begins an epoch, and the number of its window."""
    return [(t % n_windows == 0, t % n_windows) for t in range(n_updates)]


def trained(
    text: str,
    params: Mapping[str, Array],
    seq_length: int,
    n_updates: int,
    eta: float,
    order: Sequence[str] | None = None,
    *,
    clip: float | None = 5.0,
    by_norm: bool = False,
    carried: bool = True,
    reset: bool = True,
    shift: int = 1,
    stride: int | None = None,
    forgetful: bool = False,
) -> tuple[dict[str, Array], list[float]]:
    """What training makes of the parameters, and the loss of each update.

    Args:
        order: the vocabulary; that of `build_vocab` if None.
        clip: of each value; None for none at all; `by_norm` clips the whole gradient's norm instead.
        carried, reset: whether the state goes on from window to window, and is 0 at the start of an epoch.
        shift: of the targets; stride: from window to window, seq_length if None.
        forgetful: AdaGrad's states are made anew for each update.
    """
    chars = list(order or build_vocab(text)[0])
    numbers, stride = np.array([chars.index(char) for char in text]), stride or seq_length
    n_windows = (len(text) - seq_length - 1) // stride + 1
    params, losses, h = dict(params), [], np.zeros_like(params["b"])
    states: dict[str, Any] = dict.fromkeys(NAMES)
    for fresh, window in epochs(n_windows, n_updates):
        if (fresh and reset) or not carried:
            h = np.zeros_like(h)
        place = window * stride + np.arange(seq_length)
        X, Y = (one_hot(numbers[at], len(chars)).astype(h.dtype) for at in (place, place + shift))
        loss, h, memory = rnn_forward(X, Y, h, params)
        losses.append(loss)
        if eta:
            grads, states = rnn_backward(memory), dict.fromkeys(NAMES) if forgetful else states
            norm = sum(float(np.vdot(grad, grad)) for grad in grads.values()) ** 0.5
            scale = min(1.0, clip / norm) if clip and by_norm else 1.0
            for name, grad in grads.items():
                cut = grad * scale if by_norm or clip is None else clip_gradients({name: grad}, clip)[name]
                params[name], states[name] = adagrad(params[name], cut, states[name], eta)
    return params, losses


STEPS = {
    "one_hot": one_hot,
    "rnn_step_forward": rnn_step_forward,
    "rnn_step_backward": rnn_step_backward,
}
TRAINING = STEPS | {
    "build_vocab": build_vocab,
    "rnn_forward": rnn_forward,
    "rnn_backward": rnn_backward,
    "clip_gradients": clip_gradients,
    "adagrad": adagrad,
    "synthesize": synthesize,
}
"""What stands in, by the names of a submission: for its steps, and for all that training calls."""
