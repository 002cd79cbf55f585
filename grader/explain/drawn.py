"""Whether indices were drawn from a distribution: a bound that holds for any number of draws, no normal approximation.

Of n independent draws from p with K possible outcomes and frequencies q,

    P(n · KL(q ‖ p) ≥ t) ≤ exp(−t) · (e t / (K − 1))^(K − 1)    for t > K − 1

(R. Agrawal, Finite-Sample Concentration of the Multinomial in Relative Entropy, IEEE Trans. Inf. Theory 66, 2020,
theorem 1.2). The distance allowed is the t at which this is ALARM.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import log

import numpy as np
from numpy.typing import ArrayLike

from grader.explain.asserts import assert_array
from grader.explain.clues import Given
from grader.explain.excerpt import show_given, table
from grader.explain.message import fail
from grader.explain.values import FloatArray

ALARM = 1e-9


def assert_drawn(
    actual: object,
    probabilities: ArrayLike,
    *,
    n: int,
    what: str,
    given: Given = None,
    related: Mapping[str, ArrayLike] | None = None,
) -> None:
    """`actual` holds n indices, an integer array (n,), drawn independently with these `probabilities` (K,).

    A false alarm has probability ALARM at most. Distributions in `related` that explain the draws are named.
    """
    __tracebackhide__ = True
    assert_array(actual, shape=(n,), dtype=np.int64, what=what)
    indices, p = np.asarray(actual), np.asarray(probabilities, dtype=np.float64)
    outside = indices[(indices < 0) | (indices >= p.size)]
    if outside.size:
        fail(f"{what} holds the index {outside[0]}; expected are 0 to {p.size - 1}.", given=show_given(given))
    counts = np.bincount(indices, minlength=p.size).astype(np.float64)
    if explains(p, counts):
        return
    impossible = np.flatnonzero((counts > 0) & (p == 0))
    reason = (
        f"index {impossible[0]} was drawn, which has probability 0" if impossible.size else "the frequencies are off"
    )
    others = {text: np.asarray(other, np.float64) for text, other in (related or {}).items()}
    fitting = sorted((distance(other, counts), text) for text, other in others.items() if explains(other, counts))
    fail(
        f"{what}: {reason}.",
        f"  frequencies of the {n} draws  {table(counts / n, 3)}",
        f"  expected                      {table(p, 3)}",
        relation=f"They look like {fitting[0][1]}." if fitting else "",
        given=show_given(given),
    )


def explains(p: FloatArray, counts: FloatArray) -> bool:
    """Whether draws with these counts (K,) may come from p (K,)."""
    return distance(p, counts) <= allowed(int((p > 0).sum()))


def distance(p: FloatArray, counts: FloatArray) -> float:
    """n · KL(q ‖ p) of the frequencies q; infinite where p excludes what was drawn."""
    if np.any(counts[p == 0]):
        return float("inf")
    seen = counts > 0
    return float(np.sum(counts[seen] * np.log(counts[seen] / counts.sum() / p[seen])))


def allowed(K: int) -> float:
    """The t of the bound, by bisection; 0 for K = 1, where nothing can be off."""
    if K < 2:
        return 0.0
    low, high = float(K - 1), 1000.0 * K
    while high - low > 1e-6 * high:
        t = (low + high) / 2
        if -t + (K - 1) * (1 + log(t / (K - 1))) > log(ALARM):
            low = t
        else:
            high = t
    return high
