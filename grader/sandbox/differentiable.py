"""Functions of the checks, called by a submission with tensors that it is about to differentiate.

Values cross, graphs do not. So the graph goes around: what crosses is detached, and what comes back is joined to the
submission's graph by a node whose backward asks the checks again, for the gradients. Their function is an ordinary one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from grader.wire import PULL

Ask = Callable[[Any, tuple[Any, ...], dict[str, Any]], Any]


def needed(values: list[Any]) -> bool:
    """Whether any of the arguments of a call has a gradient, or is many at once, within `torch.vmap`."""
    tensors = [value for value in values if isinstance(value, torch.Tensor)]
    return any(tensor.requires_grad or torch._C._functorch.is_batchedtensor(tensor) for tensor in tensors)


def through(ask: Ask, number: int | str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a function of the checks, which returns one tensor; gradients go through it.

    Args:
        ask: makes the call, without graph.
        number: of the function.
    """
    return Through.apply(ask, number, tuple(kwargs), *args, *kwargs.values())  # type: ignore[no-untyped-call]


class Through(torch.autograd.Function):
    """A node of the graph."""

    @staticmethod
    def forward(ask: Ask, number: int | str, names: tuple[str, ...], *values: Any) -> Any:
        return _asked(ask, number, names, _detached(values))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        *ctx.call, ctx.values = *inputs[:3], _detached(inputs[3:])

    @staticmethod
    def backward(ctx: Any, *douts: Any) -> Any:
        ask, number, names = ctx.call
        gradients = _asked(ask, f"{number}{PULL}", names, [douts[0].contiguous(), *ctx.values])
        return None, None, None, *gradients

    @staticmethod
    def vmap(info: Any, in_dims: tuple[Any, ...], *inputs: Any) -> tuple[Any, int]:
        """The checks are asked for one after the other."""
        parts = [
            [
                value.select(dim, i) if isinstance(dim, int) else value
                for value, dim in zip(inputs, in_dims, strict=True)
            ]
            for i in range(info.batch_size)
        ]
        return torch.stack([Through.apply(*part) for part in parts]), 0  # type: ignore[no-untyped-call]


def _detached(values: Sequence[Any]) -> list[Any]:
    return [value.detach() if isinstance(value, torch.Tensor) else value for value in values]


def _asked(ask: Ask, number: int | str, names: tuple[str, ...], values: list[Any]) -> Any:
    count = len(values) - len(names)
    return ask(number, tuple(values[:count]), dict(zip(names, values[count:], strict=True)))
