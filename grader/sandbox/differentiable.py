"""Functions of the checks, called by a submission with tensors that it is about to differentiate.

Values cross, graphs do not. So the graph goes around: what crosses is detached, and what comes back is joined to the
submission's graph by a node whose backward asks the checks again, for the gradients. Their function is an ordinary one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from grader.wire import PULL

Ask = Callable[[Any, tuple[Any, ...], dict[str, Any]], Any]


def needed(values: list[Any]) -> bool:
    """Whether any of the arguments of a call has a gradient."""
    return any(isinstance(value, torch.Tensor) and value.requires_grad for value in values)


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
    def forward(ctx: Any, ask: Ask, number: int | str, names: tuple[str, ...], *values: Any) -> Any:
        ctx.values = [value.detach() if isinstance(value, torch.Tensor) else value for value in values]
        ctx.call = ask, number, names
        return _asked(ask, number, names, ctx.values)

    @staticmethod
    def backward(ctx: Any, *douts: Any) -> Any:
        ask, number, names = ctx.call
        gradients = _asked(ask, f"{number}{PULL}", names, [douts[0].contiguous(), *ctx.values])
        return None, None, None, *gradients


def _asked(ask: Ask, number: int | str, names: tuple[str, ...], values: list[Any]) -> Any:
    count = len(values) - len(names)
    return ask(number, tuple(values[:count]), dict(zip(names, values[count:], strict=True)))
