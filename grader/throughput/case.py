"""What a kernel computes on what; the operations themselves are in `conv2d` and `attention`."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

if TYPE_CHECKING:
    import torch

SIZES = {"float16": 2, "bfloat16": 2, "float32": 4}  # bytes


@dataclass(frozen=True, kw_only=True)
class Place:
    """How a tensor lies in memory: shape, and stride in elements."""

    dtype: str
    shape: tuple[int, ...]
    stride: tuple[int, ...]

    @property
    def numel(self) -> int:
        return math.prod(self.shape)

    @property
    def span(self) -> int:
        """Bytes from its first element to the end of its last."""
        return (1 + sum((n - 1) * step for n, step in zip(self.shape, self.stride, strict=True))) * SIZES[self.dtype]


def dense(dtype: str, shape: tuple[int, ...], order: tuple[int, ...] = (), gap: int = 0) -> Place:
    """A tensor without holes, but for `gap` elements after each row of what lies closest together.

    Args:
        order: its dimensions from the outermost to the innermost; as they are, if not given.
    """
    stride, step = [0] * len(shape), 1
    for number, dim in enumerate(reversed(order or tuple(range(len(shape))))):
        stride[dim] = step
        step *= shape[dim] + (gap if number == 0 else 0)
    return Place(dtype=dtype, shape=shape, stride=tuple(stride))


@dataclass(frozen=True, kw_only=True)
class Case(ABC):
    """One operation on tensors of one shape; kernels are called as kernel(*inputs, **options, out=output)."""

    slices: ClassVar[tuple[str, str]]  # what the first two dimensions of the output are: an error is judged in each
    reference: ClassVar[str]  # source of `reference`, the library's own operation, called as a kernel is
    own_work: ClassVar[tuple[str, ...]]  # regular expressions: operations of the library that would be no own work
    fastest: ClassVar[str]  # the layout that a GPU computes fastest on
    dtype: str = "float32"

    @property
    @abstractmethod
    def label(self) -> str:
        """For people."""

    @property
    @abstractmethod
    def inputs(self) -> tuple[Place, ...]: ...

    @property
    @abstractmethod
    def output(self) -> Place: ...

    @property
    @abstractmethod
    def options(self) -> dict[str, Any]: ...

    @property
    @abstractmethod
    def flops(self) -> float:
        """Floating point operations of the textbook's algorithm."""

    @property
    def bytes(self) -> float:
        """Every input once, and the output once."""
        return sum(place.numel * SIZES[place.dtype] for place in (*self.inputs, self.output))

    @property
    def largest(self) -> int | None:
        """Entries of the largest tensor that a kernel may make; None if it may make any."""
        return None

    @abstractmethod
    def fill(self, inputs: list[torch.Tensor], generator: torch.Generator, scale: float) -> None:
        """Draw the inputs, of this scale."""

    @abstractmethod
    def expected(self, inputs: list[torch.Tensor]) -> torch.Tensor:
        """The right output, in float64."""

    @abstractmethod
    def batched(self, factor: int) -> Self:
        """The same with a batch so many times as large."""

    @abstractmethod
    def with_dtype(self, dtype: str, layout: str) -> Self:
        """The same in another dtype and, where it has any, layout."""
