"""Convolutions, pooling, a small ConvNet and a residual block, as torch computes them."""

from __future__ import annotations

from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from grader.oracles.layer import Layer, softmax
from grader.oracles.tensors import tensor
from grader.strategies import ConvNetwork, Residual

Params = dict[str, Tensor]


def conv_output_size(n: int, k: int, stride: int, pad: int, dilation: int = 1) -> int:
    """How many places a window has."""
    return len(range(dilation * (k - 1), n + 2 * pad, stride))


def conv2d(x: Tensor, w: Tensor, b: Tensor, stride: int = 1, pad: int = 0, dilation: int = 1) -> Tensor:
    return functional.conv2d(x, w, b, stride, pad, dilation)


def conv1d(x: Tensor, w: Tensor, b: Tensor, stride: int = 1, pad: int = 0) -> Tensor:
    return functional.conv1d(x, w, b, stride, pad)


def max_pool(x: Tensor, k: int, stride: int) -> Tensor:
    return functional.max_pool2d(x, k, stride)


def avg_pool(x: Tensor, k: int, stride: int) -> Tensor:
    return functional.avg_pool2d(x, k, stride)


def residual_block(x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
    return (x + conv2d(conv2d(x, w1, b1, pad=1).relu(), w2, b2, pad=1)).relu()


CONV2D = Layer(name="conv2d", inputs=("x", "w", "b"), operation=conv2d)
CONV1D = Layer(name="conv1d", inputs=("x", "w", "b"), operation=conv1d)
MAXPOOL = Layer(name="maxpool", inputs=("x",), operation=max_pool)
AVGPOOL = Layer(name="avgpool", inputs=("x",), operation=avg_pool)
RESIDUAL = Layer(name="residual_block", inputs=("x", "w1", "b1", "w2", "b2"), operation=residual_block)

SIZE = {"conv_output_size": conv_output_size}
CONV = SIZE | CONV2D.stand_ins
NETWORK = CONV | MAXPOOL.stand_ins | {"softmax": softmax}


def hidden(case: ConvNetwork) -> tuple[Params, Tensor]:
    """(parameters, what goes into the ReLUs), in double precision."""
    params = {name: tensor(array).double().requires_grad_() for name, array in case.params.items()}
    return params, conv2d(tensor(case.X).double(), params["W1"], params["b1"], case.stride, case.pad)


def scores(case: ConvNetwork, axes: tuple[int, ...] = (0, 1, 2, 3), *, relu: bool = True) -> tuple[Params, Tensor]:
    """(parameters, scores (N, K)); with the axes of the pooled images in this order, and with or without ReLU."""
    params, A = hidden(case)
    pooled = max_pool(A.relu() if relu else A, case.pool, case.pool)
    return params, pooled.permute(axes).flatten(1) @ params["W2"] + params["b2"]


def cost(case: ConvNetwork, lam: float) -> tuple[Params, Tensor]:
    """(parameters, the cost with its regulariser)."""
    params, S = scores(case)
    penalty = params["W1"].square().sum() + params["W2"].square().sum()
    return params, functional.cross_entropy(S, tensor(case.Y).double()) + lam * penalty


def gradients(case: ConvNetwork, lam: float) -> dict[str, NDArray[Any]]:
    """Of the cost, by name."""
    params, value = cost(case, lam)
    return {
        name: part.numpy() for name, part in zip(params, torch.autograd.grad(value, list(params.values())), strict=True)
    }


def away_from_kinks(case: ConvNetwork) -> bool:
    """No ReLU sees a number near 0, and the largest number of a window is not near the next."""
    A = hidden(case)[1].detach()
    windows = functional.unfold(A.relu().flatten(0, 1)[:, None], case.pool, stride=case.pool)
    largest = windows.topk(min(2, case.pool**2), dim=1).values
    near = (largest[:, 0] > 0) & (largest[:, 0] - largest[:, -1] < 1e-3) & (case.pool > 1)
    return bool(A.abs().min() > 1e-3 and not near.any() and (A > 0).any() and (A < 0).any())


def smooth(case: Residual) -> bool:
    """Neither ReLU of a residual block sees a number near 0, and both see numbers of either sign."""
    w1, b1, w2, b2 = map(tensor, case.params.values())
    inner = conv2d(tensor(case.x), w1, b1, pad=1)
    total = tensor(case.x) + conv2d(inner.relu(), w2, b2, pad=1)
    return all(bool(A.abs().min() > 1e-3 and (A > 0).any() and (A < 0).any()) for A in (inner, total))
