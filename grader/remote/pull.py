"""The gradients of a function of the checks that a submission differentiates (see `grader.sandbox.differentiable`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from grader.sandbox.foretold import may_be_foretold, unforetold


def pull(function: Callable[..., Any]) -> Callable[..., list[Any]]:
    """The function (dout, *args, **kwargs) → the gradients of sum(dout * function(*args, **kwargs)), by each argument.

    None stands for the gradient by what is no tensor of floats, or has no influence.
    """

    def pulled(dout: Any, *args: Any, **kwargs: Any) -> list[Any]:
        import torch  # only who differentiates needs it

        values = [
            value.detach().requires_grad_() if isinstance(value, torch.Tensor) and value.is_floating_point() else value
            for value in (*args, *kwargs.values())
        ]
        leaves = [value for value in values if isinstance(value, torch.Tensor) and value.requires_grad]
        with torch.enable_grad():
            out = function(*values[: len(args)], **dict(zip(kwargs, values[len(args) :], strict=True)))
            found = iter(torch.autograd.grad(out, leaves, dout, allow_unused=True))
        return [next(found) if any(value is leaf for leaf in leaves) else None for value in values]

    return pulled if may_be_foretold(function) else unforetold(pulled)
