"""A wrong answer beside the right one, and when two arrays may be said to agree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from grader.explain.tolerances import Tolerance
from grader.explain.values import FloatArray


@dataclass(frozen=True, kw_only=True)
class Pair:
    """What a relation is looked for in: finite float64 arrays; `actual` is known to be wrong."""

    name: str  # "dW"
    actual: FloatArray
    expected: FloatArray
    tolerance: Tolerance
    sizes: Mapping[str, float] = field(default_factory=dict)  # {"N": 8}
    scalars: Mapping[str, float] = field(default_factory=dict)  # {"lam": 0.1}
    arrays: Mapping[str, FloatArray] = field(default_factory=dict)  # {"W": …}
    related: Mapping[str, FloatArray] = field(default_factory=dict)  # {"the gradient without its regulariser": …}

    @cached_property
    def difference(self) -> FloatArray:
        return self.actual - self.expected

    @cached_property
    def scale(self) -> float:
        return float(np.linalg.norm(self.expected))

    @property
    def need(self) -> int:
        """Entries that must agree before a relation is claimed: more in low precision, where chance agrees sooner."""
        return 3 if self.tolerance.rtol <= 1e-3 else 8

    @property
    def precision(self) -> float:
        """Relative error of a factor that was fitted to the entries."""
        return min(max(1e-6, self.tolerance.rtol), 2e-3)

    @cached_property
    def rich(self) -> bool:
        """Whether the expected array can be told from others: enough entries that count, and not all alike."""
        return self.weighs(self.expected) and self.distinct >= 3

    @cached_property
    def distinct(self) -> int:
        """How many different values are expected; labels and counts have few."""
        return len(np.unique(self.expected))

    @cached_property
    def tells(self) -> bool:
        """Whether agreement is more than chance: of enough entries, or of few in high precision."""
        return self.tolerance.rtol <= 1e-4 or self.weighs(self.expected)

    def weighs(self, array: FloatArray) -> bool:
        """Whether enough entries of an array are far from zero, measured by its largest one."""
        if array.size < self.need:
            return False
        size = np.abs(array)
        floor = max(1e-3 * float(size.max()), 10 * self.tolerance.atol)
        return int((size > floor).sum()) >= self.need

    def agree(self, left: FloatArray, right: FloatArray) -> bool:
        """Whether two arrays are equal to the precision of the expected value, and to three digits of their own."""
        if left.shape != right.shape or left.size == 0:
            return False
        error, own = float(np.linalg.norm(left - right)), float(np.linalg.norm(right))
        precision = self.tolerance.rtol * max(self.scale, own)
        digits = max(1e-3, self.tolerance.rtol) * own
        return 0 < own < np.inf and error <= min(precision, digits)
