"""How wrong an output may be: twice as wrong as the library's own on the same inputs, and a little.

Errors are relative to a slice, one image of the output or one head, so that a local error cannot hide: its L2 norm
against that of the right slice, and its largest entry against the largest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

FLOOR = {"float32": 1e-6, "float16": 1e-4, "bfloat16": 5e-4}
TIMES = 2.0
TINY = 1e-300


@dataclass(frozen=True, kw_only=True)
class Errors:
    """Of one output, by slice: l2 and largest (n, k), float64; NaN where the output holds one."""

    l2: torch.Tensor
    largest: torch.Tensor


@dataclass(frozen=True, kw_only=True)
class Band:
    """What is allowed."""

    l2: float
    largest: float

    def first_outside(self, errors: Errors) -> tuple[int, int] | None:
        """The first slice that is outside; None if there is none."""
        outside = ~((errors.l2 <= self.l2) & (errors.largest <= self.largest))
        found = outside.nonzero()
        return (int(found[0, 0]), int(found[0, 1])) if len(found) else None


def errors(output: torch.Tensor, expected: torch.Tensor) -> Errors:
    """How far an output is from the right one (float64), of which the first two dimensions count slices."""
    difference, right = (output.double() - expected).flatten(2), expected.flatten(2)
    return Errors(
        l2=difference.norm(dim=2) / right.norm(dim=2).clamp_min(TINY),
        largest=difference.abs().amax(dim=2) / right.abs().amax(dim=2).clamp_min(TINY),
    )


def band(library: Sequence[Errors], dtype: str) -> Band:
    """What is allowed where the library's own operation was so wrong."""
    l2 = max(float(found.l2.max()) for found in library)
    largest = max(float(found.largest.max()) for found in library)
    return Band(l2=TIMES * l2 + FLOOR[dtype], largest=TIMES * largest + FLOOR[dtype])
