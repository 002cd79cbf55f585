"""Linear classifiers with their data: for softmax and cross-entropy, and for hinge losses away from their kinks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from numpy.typing import DTypeLike

from grader.data import one_hot
from grader.strategies.basics import FLOATS, Array, Compact, Labels, make_labels, seeds, shapes, until

LAMS = (0.1, 0.01, 0.7)  # not 0.5, where 2·lam·W = W; not 0, where a wrong regulariser cannot be seen
GAP = 1e-2


def lams(choices: Sequence[float] = LAMS) -> SearchStrategy[float]:
    """Strengths of the regulariser: positive Python floats."""
    return st.sampled_from(choices)


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Samples(Compact):
    """What the cases of this module share: X (N, D), labels y (N,) int64, lam, the seed that all of it came from."""

    X: Array
    y: Labels
    lam: float
    seed: int

    @property
    def N(self) -> int:
        return int(self.X.shape[0])

    @property
    def D(self) -> int:
        return int(self.X.shape[1])

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.X.dtype

    @property
    def sizes(self) -> dict[str, int]:
        """For `explain`: what the sizes are called."""
        return {"N": self.N, "D": self.D}

    def rng(self) -> np.random.Generator:
        """A generator for what else a check needs, upstream gradients for instance; starts anew at each call."""
        return np.random.default_rng([self.seed, 1])

    def __repr__(self) -> str:
        sizes = ", ".join(f"{name}={n}" for name, n in self.sizes.items())
        return f"{type(self).__name__}({sizes}, dtype={self.dtype.name}, lam={self.lam}, seed={self.seed})"


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Classification(Samples):
    """N samples of D features in K classes and a linear classifier: N, D, K all different, K ≥ 2.

    X (N, D), Y (N, K) one-hot, W (D, K), b (K,), S = X W + b (N, K), all of one dtype; y (N,) int64 in 0…K−1.
    delta is the margin that `hinge` keeps clear.
    """

    W: Array
    b: Array
    delta: float = 1.0

    @property
    def K(self) -> int:
        return int(self.W.shape[1])

    @property
    def Y(self) -> Array:
        return one_hot(self.y, self.K, self.dtype)

    @property
    def S(self) -> Array:
        return np.asarray(self.X @ self.W + self.b)

    @property
    def sizes(self) -> dict[str, int]:
        """For `explain`: what the sizes are called."""
        return {"N": self.N, "K": self.K, "D": self.D}

    @property
    def given(self) -> dict[str, object]:
        """For `explain`: the inputs to show."""
        return {"X": self.X, "y": self.y, "W": self.W, "b": self.b, "lam": self.lam}

    def astype(self, dtype: DTypeLike) -> Classification:
        """The same case in another precision."""
        return replace(self, X=self.X.astype(dtype), W=self.W.astype(dtype), b=self.b.astype(dtype))


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class BinaryClassification(Samples):
    """N samples of D features with labels y (N,) in {−1, +1}; w (D,) of X's dtype, b a Python float; N ≠ D."""

    w: Array
    b: float

    @property
    def given(self) -> dict[str, object]:
        """For `explain`: the inputs to show."""
        return {"X": self.X, "y": self.y, "w": self.w, "b": self.b, "lam": self.lam}


@st.composite
def classification(
    draw: DrawFn,
    *,
    min_side: int = 2,
    max_side: int = 7,
    dtypes: Sequence[DTypeLike] = FLOATS,
    lams: Sequence[float] = LAMS,
    scale: float = 1.0,
) -> Classification:
    """A `Classification` whose scores have a standard deviation of about `scale`; all classes occur, or all but one."""
    return _classifiers(draw, (min_side, max_side), dtypes, lams, scale)()


@st.composite
def hinge(
    draw: DrawFn,
    *,
    min_side: int = 2,
    max_side: int = 7,
    dtypes: Sequence[DTypeLike] = FLOATS,
    lams: Sequence[float] = LAMS,
    deltas: Sequence[float] = (1.0, 0.5, 2.0),
    gap: float = GAP,
) -> Classification:
    """A `Classification` where the multi-class hinge is smooth: no s_j − s_y + delta (j ≠ y) lies within `gap` of 0.

    Some of them are positive and some negative; with K ≥ 3 at least one sample has two positive ones or more.
    """
    make = _classifiers(draw, (min_side, max_side), dtypes, lams, 1.5)
    delta = draw(st.sampled_from(deltas))

    def good(case: Classification) -> bool:
        scores = case.S.astype(np.float64)
        margins = scores - scores[np.arange(case.N), case.y][:, None] + delta
        margins[np.arange(case.N), case.y] = -np.inf
        most = int((margins > 0).sum(axis=1).max())
        met = bool((margins[np.isfinite(margins)] < 0).any())
        return bool(np.abs(margins).min() > gap) and met and most >= min(2, case.K - 1)

    return replace(until(good, make, f"no margin within {gap} of 0"), delta=delta)


def _classifiers(
    draw: DrawFn, span: tuple[int, int], dtypes: Sequence[DTypeLike], lams: Sequence[float], scale: float
) -> Callable[[], Classification]:
    """Draws the outline of a case; each call of the result fills it with other numbers."""
    N, D, K = draw(shapes(3, min_side=max(2, span[0]), max_side=span[1]))
    dtype, lam = draw(st.sampled_from(dtypes)), draw(st.sampled_from(lams))
    absent, seed = draw(st.booleans()), draw(seeds())
    rng = np.random.default_rng(seed)

    def make() -> Classification:
        X, b = rng.standard_normal((N, D)), rng.standard_normal(K) * scale / 2
        W = rng.standard_normal((D, K)) * scale / D**0.5
        y = make_labels(rng, N, K, absent=absent)
        return Classification(X=X.astype(dtype), y=y, W=W.astype(dtype), b=b.astype(dtype), lam=lam, seed=seed)

    return make


@st.composite
def binary_hinge(
    draw: DrawFn,
    *,
    min_side: int = 2,
    max_side: int = 7,
    dtypes: Sequence[DTypeLike] = FLOATS,
    lams: Sequence[float] = LAMS,
    gap: float = GAP,
) -> BinaryClassification:
    """Both labels occur; no margin 1 − y (x·w + b) lies within `gap` of 0, some are positive and some negative."""
    N, D = draw(shapes(2, min_side=max(2, min_side), max_side=max_side))
    dtype, lam, seed = draw(st.sampled_from(dtypes)), draw(st.sampled_from(lams)), draw(seeds())
    rng = np.random.default_rng(seed)

    def make() -> BinaryClassification:
        X, w = rng.standard_normal((N, D)).astype(dtype), (rng.standard_normal(D) * 2 / D**0.5).astype(dtype)
        y, b = 2 * make_labels(rng, N, 2, absent=False) - 1, float(rng.standard_normal() / 2)
        return BinaryClassification(X=X, y=y, w=w, b=b, lam=lam, seed=seed)

    def good(case: BinaryClassification) -> bool:
        margins = 1 - case.y * (case.X.astype(np.float64) @ case.w.astype(np.float64) + case.b)
        return bool(np.abs(margins).min() > gap and (margins > 0).any() and (margins < 0).any())

    return until(good, make, f"no margin within {gap} of 0")
