"""Small networks with their data, away from the kinks of their ReLUs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from numpy.typing import DTypeLike

from grader.data import one_hot
from grader.strategies.basics import FLOATS, Array, make_labels, seeds, shapes, until
from grader.strategies.linear import GAP, LAMS, Samples


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Net(Samples):
    """What the networks of two layers share: params with the biases b1 of the hidden layer and b2 of the K scores."""

    params: dict[str, Array]

    @property
    def K(self) -> int:
        return int(self.params["b2"].shape[0])

    @property
    def Y(self) -> Array:
        return one_hot(self.y, self.K, self.dtype)

    @property
    def given(self) -> dict[str, object]:
        """For `explain`: the inputs to show."""
        return {"X": self.X, "y": self.y, **self.params, "lam": self.lam}

    def copies(self) -> dict[str, Array]:
        """The parameters, to be given away."""
        return {name: value.copy() for name, value in self.params.items()}

    def astype(self, dtype: DTypeLike) -> Self:
        """The same case in another precision."""
        return replace(self, X=self.X.astype(dtype), params={k: v.astype(dtype) for k, v in self.params.items()})


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class TwoLayer(Net):
    """N samples of D features in K classes and a network with m hidden units: N, D, m, K all different, K ≥ 2.

    X (N, D), Y (N, K) one-hot and the params W1 (D, m), b1 (m,), W2 (m, K), b2 (K,) are of one dtype; y (N,) int64. No
    input of a ReLU is within a small gap of 0; some are positive and some negative.
    """

    @property
    def m(self) -> int:
        return int(self.params["b1"].shape[0])

    @property
    def hidden(self) -> Array:
        """What goes into the ReLUs, (N, m)."""
        return np.asarray(self.X @ self.params["W1"] + self.params["b1"])

    @property
    def sizes(self) -> dict[str, int]:
        """For `explain`: what the sizes are called."""
        return {"N": self.N, "D": self.D, "m": self.m, "K": self.K}


@st.composite
def two_layer(
    draw: DrawFn,
    *,
    min_side: int = 2,
    max_side: int = 7,
    dtypes: Sequence[DTypeLike] = FLOATS,
    lams: Sequence[float] = LAMS,
    gap: float = GAP,
) -> TwoLayer:
    """A `TwoLayer` whose scores have a standard deviation near 1; all classes occur, or all but one."""
    N, D, m, K = draw(shapes(4, min_side=max(2, min_side), max_side=max_side))
    dtype, lam = draw(st.sampled_from(dtypes)), draw(st.sampled_from(lams))
    absent, seed = draw(st.booleans()), draw(seeds())
    rng = np.random.default_rng(seed)

    def make() -> TwoLayer:
        params: dict[str, Any] = {
            "W1": rng.standard_normal((D, m)) / D**0.5,
            "b1": rng.standard_normal(m) / 2,
            "W2": rng.standard_normal((m, K)) * (2 / m) ** 0.5,
            "b2": rng.standard_normal(K) / 2,
        }
        y = make_labels(rng, N, K, absent=absent)
        case = TwoLayer(X=rng.standard_normal((N, D)), y=y, lam=lam, seed=seed, params=params)
        return case.astype(dtype)

    def good(case: TwoLayer) -> bool:
        return bool(np.abs(case.hidden).min() > gap and (case.hidden > 0).any() and (case.hidden < 0).any())

    return until(good, make, f"no input of a ReLU within {gap} of 0")
