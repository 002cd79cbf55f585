"""Between NumPy and torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

Array = NDArray[Any]


def tensor(array: ArrayLike) -> torch.Tensor:
    """A tensor with the values and the dtype of an array; a copy."""
    return torch.tensor(np.array(array))


def leaf(array: ArrayLike) -> torch.Tensor:
    """The same, to be differentiated by."""
    return tensor(array).requires_grad_()


def arrays(*tensors: torch.Tensor) -> tuple[Array, ...]:
    """Tensors as arrays."""
    return tuple(part.detach().numpy() for part in tensors)


def pulled(out: torch.Tensor, dout: ArrayLike, *inputs: torch.Tensor) -> tuple[Array, ...]:
    """The gradients of sum(dout * out) by each of the inputs, by automatic differentiation."""
    return arrays(*torch.autograd.grad(out, inputs, tensor(dout)))
