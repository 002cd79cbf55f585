"""Tensors and generators of torch on the wire. Torch is imported only where a value of it crosses."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from grader.errors import WireError
from grader.wire.frame import LARGE, Buffer
from grader.wire.plain import MAX_DIMS, TENSOR_DTYPES

if TYPE_CHECKING:
    import torch


def array_buffer(array: np.ndarray[Any, Any]) -> Buffer:
    """What an array holds, in C order; a large one that lies so is not copied."""
    if array.nbytes < LARGE:
        return array.tobytes()
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


def tensor_buffer(value: torch.Tensor) -> Buffer:
    """What a dense tensor in main memory holds, in C order; a large one that lies so is not copied."""
    import torch

    if not value.numel():  # has no strides that could be viewed as bytes
        return b""
    dense = value.detach().resolve_conj().resolve_neg().contiguous()
    return array_buffer(dense.reshape(-1).view(torch.uint8).numpy())


def describe(value: Any, new: bool) -> tuple[list[Any], Buffer | None] | None:
    """A value of torch as (tree, its buffer if it has one); None if it cannot cross as a plain value.

    Args:
        new: False where the value has crossed before and only its content is told.
    """
    if "torch" not in sys.modules:
        return None
    import torch

    if isinstance(value, torch.dtype):
        return ["Y", str(value).removeprefix("torch.")], None
    if isinstance(value, torch.Generator):
        state = value.get_state().numpy().tobytes()
        return ["G", len(state)], state
    if type(value) is not torch.Tensor or value.device.type != "cpu":
        return None
    if new and value.grad_fn is not None:  # a loss to call backward() on; only its content can be told
        return None
    name = str(value.dtype).removeprefix("torch.")
    if name not in TENSOR_DTYPES or value.layout is not torch.strided or value.dim() > MAX_DIMS:
        return None
    return ["T", name, list(value.shape), value.requires_grad], tensor_buffer(value)


def tensor(name: str, shape: list[int], requires_grad: bool, raw: memoryview) -> torch.Tensor:
    """The tensor of a plain dtype that holds `raw`; it takes a large writable buffer over."""
    import torch

    kept = raw if len(raw) >= LARGE and not raw.readonly else bytearray(raw)
    plain = torch.frombuffer(kept, dtype=torch.uint8) if len(raw) else torch.empty(0, dtype=torch.uint8)
    if name == "bool":  # a bool whose byte is neither 0 nor 1 is undefined behaviour
        plain = (plain != 0).view(torch.uint8)
    rebuilt = plain.view(getattr(torch, name)).reshape(shape)
    try:
        return rebuilt.requires_grad_(requires_grad)
    except RuntimeError:
        raise WireError(f"a tensor of dtype {name} cannot require a gradient") from None


def torch_dtype(name: Any) -> torch.dtype:
    import torch

    if type(name) is not str or name not in TENSOR_DTYPES:
        raise WireError("a torch dtype is not one of the plain ones")
    dtype: torch.dtype = getattr(torch, name)
    return dtype


def torch_generator(state: memoryview) -> torch.Generator:
    import torch

    generator = torch.Generator()
    try:
        generator.set_state(torch.frombuffer(bytearray(state), dtype=torch.uint8))
    except (RuntimeError, TypeError, ValueError):
        raise WireError("the state of a random generator is malformed") from None
    return generator


def overwrite(old: Any, new: Any) -> None:
    """Give a tensor or generator the content of another."""
    import torch

    if isinstance(old, torch.Generator):
        old.set_state(new.get_state())
        return
    if old.shape != new.shape or old.dtype != new.dtype:
        raise WireError("a change alters the shape or dtype of a tensor")
    with torch.no_grad():
        old.copy_(new)
