"""What a speed earns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

CAP = 1.25  # more than this on one shape makes up for nothing on another
FAVOUR = 1.03  # measurements vary by 3 %, which is to nobody's loss


@dataclass(frozen=True, kw_only=True)
class Curve:
    """From `low`, which earns nothing, to `high`, which earns everything; speeds are times as fast as the library."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not 0 < self.low < self.high:
            raise ValueError(f"expected 0 < low < high, got {self.low} and {self.high}")

    def share(self, speed: float) -> float:
        """The share of the points: equal factors of speed earn equal parts."""
        reached = math.log(max(speed, 1e-9) * FAVOUR / self.low) / math.log(self.high / self.low)
        return min(max(reached, 0.0), 1.0)


def overall(ratios: Sequence[float]) -> float:
    """One speed for several shapes: the geometric mean, each capped."""
    return math.exp(sum(math.log(min(ratio, CAP)) for ratio in ratios) / len(ratios))
