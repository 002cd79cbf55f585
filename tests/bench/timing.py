"""Clocks, and lines of a table. Ratios come from interleaved runs, so that load cancels out."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence

ROUNDS = 5


def seconds(action: Callable[[], object], times: int = 1) -> float:
    """Mean seconds of one call."""
    began = time.perf_counter()
    for _ in range(times):
        action()
    return (time.perf_counter() - began) / times


def interleaved(actions: Sequence[Callable[[], object]], rounds: int = ROUNDS) -> list[list[float]]:
    """Seconds of each round, for each action; every round runs each action once."""
    every = [[seconds(action) for action in actions] for _ in range(rounds)]
    return [list(times) for times in zip(*every, strict=True)]


def ratio(one: Callable[[], object], other: Callable[[], object], rounds: int = ROUNDS) -> tuple[float, float, float]:
    """Median seconds of both, and the median of their ratios, from alternating runs."""
    first, second = interleaved([one, other], rounds)
    return statistics.median(first), statistics.median(second), times_as_long(first, second)


def times_as_long(one: Sequence[float], other: Sequence[float]) -> float:
    """The median of the ratios, round by round."""
    return statistics.median(a / b for a, b in zip(one, other, strict=True))


def line(what: str, value: float, unit: str, remark: str = "") -> None:
    """Print one measured value."""
    digits = 0 if unit in ("µs", "ms") else 1 if unit == "MiB" else 2
    print(f"{what:<58} {value:>9,.{digits}f} {unit:<4} {remark}".rstrip(), flush=True)
