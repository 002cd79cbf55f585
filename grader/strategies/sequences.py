"""Recurrent cells with their inputs and upstream gradients, and sequences of characters for a network to read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from numpy.typing import DTypeLike

from grader.data import one_hot
from grader.strategies.basics import FLOATS, Array, Compact, Labels, seeds, shapes, sides

Params = dict[str, Array]


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Step(Compact):
    """One step of a recurrent cell with g gates: N, K, m all different, everything of one dtype.

    x (N, K); h_prev, c_prev, dh, dc (N, m), c_prev and dc for cells that have a second state; params 'U' (K, g·m),
    'W' (m, g·m), 'b' (g·m,).
    """

    x: Array
    h_prev: Array
    c_prev: Array
    dh: Array
    dc: Array
    params: Params
    seed: int

    @property
    def sizes(self) -> dict[str, int]:
        """For `explain`: what the sizes are called."""
        N, K = self.x.shape
        return {"N": N, "K": K, "m": self.h_prev.shape[1]}

    @property
    def given(self) -> dict[str, object]:
        """For `explain`: the inputs to show."""
        return {"x": self.x, "h_prev": self.h_prev, **self.params}

    def astype(self, dtype: DTypeLike) -> Step:
        """The same step in another precision."""
        params = {name: array.astype(dtype) for name, array in self.params.items()}
        names = ("x", "h_prev", "c_prev", "dh", "dc")
        return replace(self, params=params, **{name: getattr(self, name).astype(dtype) for name in names})

    def __repr__(self) -> str:
        sizes = ", ".join(f"{name}={n}" for name, n in self.sizes.items())
        return f"Step({sizes}, dtype={self.x.dtype.name}, seed={self.seed})"


@st.composite
def steps(
    draw: DrawFn,
    *,
    gates: int = 1,
    min_side: int = 1,
    max_side: int = 5,
    dtypes: Sequence[DTypeLike] = FLOATS,
    scale: float = 1.0,
) -> Step:
    """A `Step` whose cell sees sums with a standard deviation near `scale`; no tanh or sigmoid is saturated at 1."""
    N, K, m = draw(shapes(3, min_side=min_side, max_side=max_side))
    dtype, seed = draw(st.sampled_from(dtypes)), draw(seeds())
    rng = np.random.default_rng(seed)
    params: Params = {
        "U": scale * rng.standard_normal((K, gates * m)) / (2 * K) ** 0.5,
        "W": scale * rng.standard_normal((m, gates * m)) / m**0.5,
        "b": scale * rng.standard_normal(gates * m) / 2,
    }
    h_prev, c_prev, dh, dc = rng.standard_normal((4, N, m))
    case = Step(
        x=rng.standard_normal((N, K)), h_prev=np.tanh(h_prev), c_prev=c_prev, dh=dh, dc=dc, params=params, seed=seed
    )
    return case.astype(dtype)


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Reading(Compact):
    """A sequence of T characters for a network of m hidden units: T, K, m all different, everything of one dtype.

    indices, targets (T,): what is read, and what should follow; they are independent of each other. h0 (m,); params
    'U' (K, m), 'W' (m, m), 'V' (m, K), 'b' (m,), 'c' (K,).
    """

    indices: Labels
    targets: Labels
    h0: Array
    params: Params
    seed: int

    @property
    def T(self) -> int:
        return int(self.indices.size)

    @property
    def K(self) -> int:
        return int(self.params["c"].size)

    @property
    def X(self) -> Array:
        return one_hot(self.indices, self.K, self.h0.dtype)

    @property
    def Y(self) -> Array:
        return one_hot(self.targets, self.K, self.h0.dtype)

    @property
    def sizes(self) -> dict[str, int]:
        """For `explain`: what the sizes are called."""
        return {"T": self.T, "K": self.K, "m": self.h0.size}

    @property
    def given(self) -> dict[str, object]:
        """For `explain`: the inputs to show."""
        return {"the indices in X": self.indices, "in Y": self.targets, "h0": self.h0, **self.params}

    def copies(self) -> Params:
        """The parameters, to be given away."""
        return {name: array.copy() for name, array in self.params.items()}

    def astype(self, dtype: DTypeLike) -> Reading:
        """The same sequence and network in another precision."""
        params = {name: array.astype(dtype) for name, array in self.params.items()}
        return replace(self, h0=self.h0.astype(dtype), params=params)

    def __repr__(self) -> str:
        sizes = ", ".join(f"{name}={n}" for name, n in self.sizes.items())
        return f"Reading({sizes}, dtype={self.h0.dtype.name}, seed={self.seed})"


@st.composite
def readings(
    draw: DrawFn,
    *,
    T: int | None = None,
    min_side: int = 2,
    max_side: int = 5,
    dtypes: Sequence[DTypeLike] = (np.float64,),
    memory: float = 1.0,
) -> Reading:
    """A `Reading` of T characters if that is given; `memory` is about the spectral radius of W."""
    if T is None:
        T, K, m = draw(shapes(3, min_side=min_side, max_side=max_side))
    else:
        free = sides(min_side, max_side).filter(lambda side: side != T)
        K, m = draw(st.lists(free, min_size=2, max_size=2, unique=True))
    dtype, seed = draw(st.sampled_from(dtypes)), draw(seeds())
    rng = np.random.default_rng(seed)
    params: dict[str, Any] = {
        "U": rng.standard_normal((K, m)),
        "W": memory * rng.standard_normal((m, m)) / m**0.5,
        "V": rng.standard_normal((m, K)),
        "b": rng.standard_normal(m) / 4,
        "c": rng.standard_normal(K),
    }
    indices, targets = rng.integers(0, K, (2, T))
    h0 = np.tanh(rng.standard_normal(m))
    return Reading(indices=indices, targets=targets, h0=h0, params=params, seed=seed).astype(dtype)


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Lesson(Compact):
    """A text of few characters, all of which occur, and a network with m = 4 hidden units to be trained on it.

    The text has two or three whole windows of seq_length characters, and something is left over.
    """

    text: str
    seq_length: int
    params: Params
    seed: int

    @property
    def n_windows(self) -> int:
        """How many windows of X and of Y, one later, fit into the text."""
        return (len(self.text) - 1) // self.seq_length

    @property
    def given(self) -> dict[str, object]:
        """For `explain`: the inputs to show."""
        return {"text": repr(self.text), "seq_length": self.seq_length}

    def __repr__(self) -> str:
        dtype = self.params["c"].dtype.name
        return f"Lesson(text={self.text!r}, seq_length={self.seq_length}, dtype={dtype}, seed={self.seed})"


@st.composite
def lessons(
    draw: DrawFn,
    *,
    alphabet: str = "abc",
    seq_lengths: Sequence[int] = (2, 3, 4),
    size: float = 1.0,
    dtypes: Sequence[DTypeLike] = (np.float64,),
) -> Lesson:
    """A `Lesson` whose first gradients grow with `size`, that of V."""
    L, dtype, seed = draw(st.sampled_from(seq_lengths)), draw(st.sampled_from(dtypes)), draw(seeds())
    rng, K, m = np.random.default_rng(seed), len(alphabet), 4
    length = 3 * L + int(rng.integers(L + 1))
    text = "".join(rng.permutation([*alphabet, *rng.choice([*alphabet], length - K)]))
    params: Params = {
        "U": rng.standard_normal((K, m)),
        "W": 0.6 * rng.standard_normal((m, m)),
        "V": size * rng.standard_normal((m, K)),
        "b": 0.3 * rng.standard_normal(m),
        "c": rng.standard_normal(K),
    }
    return Lesson(
        text=text, seq_length=L, params={name: array.astype(dtype) for name, array in params.items()}, seed=seed
    )
