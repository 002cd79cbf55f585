"""A submitted `torch.nn.Module`, which may live in another process: its results, its weights and their gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from grader.explain import Mismatch, assert_array
from grader.explain.values import type_name


class Suspects(Mapping[str, object]):
    """What known mistakes would give (`related` of `grader.explain`), computed only if somebody asks."""

    def __init__(self, makers: Mapping[str, Callable[[], object]]) -> None:
        self._makers = makers

    def __getitem__(self, text: str) -> object:
        return self._makers[text]()

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)


def detached(out: Any) -> Any:
    """What a module returned, without its graph; where that is no tensor, as it came."""
    return out.detach() if type_name(out) in ("Tensor", "Parameter") else out


def backward(out: Any, dout: Tensor, *, what: str) -> None:
    """A backward pass from a result, with the gradient of what follows it.

    Raises:
        Mismatch: it has no graph.
    """
    __tracebackhide__ = True
    if isinstance(out, Tensor) and not out.requires_grad:
        raise Mismatch(f"{what} has no gradient: was it detached, or computed without gradients (torch.no_grad)?")
    out.backward(dout)


def with_graph(sample: Any, *tensors: Tensor) -> list[Any]:
    """The tensors as results of a computation of the submission: `.grad` of each is told after a backward pass.

    A tensor that is only passed to a submission is a copy there, and its gradient is never seen here. These are handles
    made of one that the submission has returned.

    Args:
        sample: any finite result with a graph, of the dtype of the tensors.

    Raises:
        Mismatch: it has no graph.
    """
    __tracebackhide__ = True
    if isinstance(sample, Tensor) and not sample.requires_grad:
        raise Mismatch("The result has no gradient, though the inputs have: compute it with torch, and detach nothing.")
    zero = sample.flatten()[0] * 0
    made = [zero + tensor for tensor in tensors]
    for tensor in made:
        tensor.retain_grad()
    return made


def parameter_gradients(module: Any, weights: Mapping[str, Tensor], *, what: str) -> dict[str, Tensor]:
    """The gradients that a backward pass has left at the parameters of a module, as those of the weights that were set.

    How a module stores its weights is its own affair: transposed, several in one, one for each head. Each number that
    was set is looked up among the parameters, and its gradient is taken from the same place. Parameters that hold
    none of them are of no interest.

    Args:
        weights: float64, no two numbers of which are equal.
        what: the module, for messages.

    Raises:
        Mismatch: a weight is in no parameter, or in two, or has got no gradient.
    """
    __tracebackhide__ = True
    held, slopes, reached = _entries(module, what)
    order, found = np.argsort(held), {}
    held, slopes, reached = held[order], slopes[order], reached[order]
    for name, weight in weights.items():
        wanted = weight.numpy().ravel()
        first, end = np.searchsorted(held, wanted, "left"), np.searchsorted(held, wanted, "right")
        if (first == end).any():
            raise Mismatch(
                f"{what}.parameters() has no parameter with what was given to set_weights as {name}: weights that are "
                "learnt are Parameters of the module, or of modules in it."
            )
        if (end - first > 1).any():
            raise Mismatch(f"{what}.parameters() has {name} more than once; it is one parameter, wherever it is used.")
        if not reached[first].all():
            raise Mismatch(f"The gradient of {name} is None after loss.backward(): no way leads from the loss to it.")
        found[name] = torch.from_numpy(slopes[first].reshape(tuple(weight.shape)))
    return found


def _entries(module: Any, what: str) -> tuple[Any, Any, Any]:
    """All numbers of the parameters, the gradient of each, and whether there is one."""
    __tracebackhide__ = True
    held, slopes, reached = [np.zeros(0)], [np.zeros(0)], [np.zeros(0, bool)]
    for parameter in module.parameters():
        value = detached(parameter)
        if not isinstance(value, Tensor) or value.dtype != torch.float64:
            continue
        slope = parameter.grad
        if slope is not None:
            shape, name = tuple(value.shape), f"{what}: the gradient of a parameter"
            assert_array(slope, shape=shape, dtype=torch.float64, what=name)
        held.append(value.detach().numpy().ravel())
        slopes.append(np.zeros(value.numel()) if slope is None else slope.detach().numpy().ravel())
        reached.append(np.full(value.numel(), slope is not None))
    return np.concatenate(held), np.concatenate(slopes), np.concatenate(reached)
