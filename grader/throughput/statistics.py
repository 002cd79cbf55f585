"""The median of the ratios of a case, how sure it is, and when enough is known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

Span: TypeAlias = tuple[float, float]

RESAMPLES = 1000
EVERYTHING: Span = 0.0, float("inf")
DECIDED = 3  # rounds
FAR = 2.0  # times as much


@dataclass(frozen=True, kw_only=True)
class Rules:
    """How long a case is measured.

    Attributes:
        warm_up: rounds before the first that counts, and their seconds for each of the two.
        call_seconds: of the reference in one call, at least: the batch grows until it takes so long.
        round_seconds: of the reference in one round, so that telling it to go costs nothing.
        rounds: at least, at most, of a case that is alone; of several the least is less, as is their precision.
        case_seconds: after which a case ends, however unsure.
        precision: half the width of the interval that is good enough, relative: of the speed over all cases.
        unsure: likewise of one case, beyond which nothing is concluded.
        caches: the tensors of one round are so many times as large as the device's own cache.
        arena: bytes of shared memory.
        slowed: below this part of the device's first clock a round does not count; at most `spoilt` may be so.
    """

    warm_up: int = 3
    warm_up_seconds: float = 0.3
    call_seconds: float = 1e-3
    round_seconds: float = 0.2
    rounds: tuple[int, int] = (10, 50)
    case_seconds: float = 60.0
    precision: float = 0.02
    unsure: float = 0.1
    caches: int = 4
    arena: int = 384 << 20
    slowed: float = 0.9
    spoilt: int = 20


RULES = Rules()


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """The median of the ratios, and where it lies in 95 of 100 worlds."""

    ratio: float
    low: float
    high: float
    rounds: int

    @property
    def width(self) -> float:
        """Half the width of the interval, relative."""
        return (self.high - self.low) / 2 / self.ratio


def estimate(ratios: Sequence[float]) -> Estimate:
    """By the bootstrap (Efron and Tibshirani, 1993, section 13.3), with resamples that are always the same."""
    values = np.asarray(ratios)
    drawn = np.random.default_rng(0).integers(0, len(values), (RESAMPLES, len(values)))
    low, high = np.quantile(np.median(values[drawn], axis=1), (0.025, 0.975))
    return Estimate(ratio=float(np.median(values)), low=float(low), high=float(high), rounds=len(values))


def enough(ratios: Sequence[float], seconds: float, rules: Rules, span: Span = EVERYTHING, cases: int = 1) -> bool:
    """Whether another round would tell nothing new.

    A speed is the geometric mean over its cases, whose errors have nothing to do with each other: that of the mean of n
    is √n times as small as theirs, so each may be √n times as large.

    Args:
        seconds: that the case has taken.
        span: of the ratios between which it matters what they are.
        cases: that the speed is the mean of.
    """
    looser = math.sqrt(cases)
    least, most = math.ceil(rules.rounds[0] / looser), rules.rounds[1]
    if len(ratios) >= most or (ratios and seconds >= rules.case_seconds):
        return True
    return decided(ratios, span, rules) or (len(ratios) >= least and estimate(ratios).width <= rules.precision * looser)


def decided(ratios: Sequence[float], span: Span, rules: Rules = RULES) -> bool:
    """Whether all of at least three rounds lie so far outside of a span that it does not matter where."""
    if len(ratios) < min(DECIDED, rules.rounds[0]):
        return False
    return max(ratios) * FAR < span[0] or min(ratios) > FAR * span[1]
