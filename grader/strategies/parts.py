"""What the parts of a transformer are tried on: vectors to be turned, a gated layer, schedules, sizes of models."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from numpy.typing import DTypeLike

from grader.strategies.basics import FLOATS, Array, Compact, Labels, seeds, shapes, sides


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Turn(Compact):
    """Vectors x (B, h, T, d), d even, at positions (T,) or (B, T) that are in no order; B, h and T differ."""

    x: Array
    positions: Labels
    seed: int

    @property
    def given(self) -> dict[str, object]:
        """For `explain`: the inputs to show."""
        return {"x": self.x, "positions": self.positions}

    def __repr__(self) -> str:
        B, h, T, d = self.x.shape
        axes = "(B, T)" if self.positions.ndim == 2 else "(T,)"
        return f"Turn(B={B}, h={h}, T={T}, d={d}, positions {axes}, dtype={self.x.dtype.name}, seed={self.seed})"


@st.composite
def turns(
    draw: DrawFn,
    *,
    dtypes: Sequence[DTypeLike] = FLOATS,
    far: int = 60,
    max_side: int = 4,
) -> Turn:
    """A `Turn` with positions from 0 to `far`; d is another length than T."""
    B, h, T = draw(shapes(3, max_side=max_side))
    d = 2 * draw(sides(1, 4).filter(lambda half: 2 * half != T))
    by_row, dtype, seed = draw(st.booleans()), draw(st.sampled_from(dtypes)), draw(seeds())
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((B, h, T, d)).astype(dtype)
    return Turn(x=x, positions=rng.integers(0, far, (B, T) if by_row else T, endpoint=True), seed=seed)


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Gate(Compact):
    """Tokens x (..., d) and the weights W1 (d, f), W2 (f, d), W3 (d, f) of a gated layer; d and f differ."""

    x: Array
    W1: Array
    W2: Array
    W3: Array
    seed: int

    @property
    def given(self) -> dict[str, Array]:
        """The arguments, by name."""
        return {"x": self.x, "W1": self.W1, "W2": self.W2, "W3": self.W3}

    def __repr__(self) -> str:
        return f"Gate(x {self.x.shape}, f={self.W1.shape[1]}, dtype={self.x.dtype.name}, seed={self.seed})"


@st.composite
def gates(
    draw: DrawFn, *, ndim: int = 3, dtypes: Sequence[DTypeLike] = FLOATS, max_side: int = 5, scale: float = 1.0
) -> Gate:
    """A `Gate` for x with so many axes, whose sums have a standard deviation near `scale`."""
    *axes, d, f = draw(shapes(ndim + 1, max_side=max(max_side, ndim + 1)))
    dtype, seed = draw(st.sampled_from(dtypes)), draw(seeds())
    rng = np.random.default_rng(seed)
    W1, W2, W3 = (rng.standard_normal(shape) / shape[0] ** 0.5 for shape in ((d, f), (f, d), (d, f)))
    x = scale * rng.standard_normal((*axes, d))
    x, W1, W2, W3 = (array.astype(dtype) for array in (x, W1, W2, W3))
    return Gate(x=x, W1=W1, W2=W2, W3=W3, seed=seed)


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """The arguments of a schedule with warm-up: total > warmup >= 0, eta_max > eta_min >= 0."""

    warmup: int
    total: int
    eta_max: float
    eta_min: float

    def call(self, t: int) -> str:
        """How it is asked for the step size of update t."""
        return f"cosine_schedule({t}, {self.warmup}, {self.total}, {self.eta_max}, {self.eta_min})"


@st.composite
def schedules(draw: DrawFn, *, warmups: Sequence[int] = (0, 1, 4, 7)) -> Schedule:
    """A `Schedule` over 30 updates at most."""
    warmup = draw(st.sampled_from(warmups))
    return Schedule(
        warmup=warmup,
        total=warmup + draw(st.integers(1, 23)),
        eta_max=draw(st.sampled_from([0.5, 1e-3, 2.0])),
        eta_min=draw(st.sampled_from([1e-4, 0.0])),
    )


@dataclass(frozen=True, kw_only=True)
class ModelSizes:
    """The sizes of a GPT, all different."""

    vocab_size: int
    d_model: int
    n_layers: int
    d_ff: int

    def shapes(self) -> Iterator[tuple[int, ...]]:
        """Of all its weights: the embedding, the blocks, the last norm."""
        d, f = self.d_model, self.d_ff
        yield self.vocab_size, d
        yield from [*[(d, d)] * 4, (d, f), (f, d), *[(d,)] * 4] * self.n_layers
        yield from [(d,), (d,)]

    def products(self, T: int) -> Iterator[tuple[int, int, int]]:
        """(m, k, n) of all products of (m, k) by (k, n) for one text, those of all heads as one: h · d_head is d_model.

        The projections, queries by keys, weights by values, the small network of each block, and the scores.
        """
        d, f = self.d_model, self.d_ff
        yield from [*[(T, d, d)] * 4, (T, d, T), (T, T, d), (T, d, f), (T, f, d)] * self.n_layers
        yield T, d, self.vocab_size

    def n_parameters(self) -> int:
        """The numbers in all weights."""
        return sum(map(math.prod, self.shapes()))

    def n_flops(self, B: int, T: int) -> int:
        """Of the products of one pass over B texts of T tokens."""
        return sum(2 * B * math.prod(product) for product in self.products(T))


@st.composite
def model_sizes(draw: DrawFn, *, max_layers: int = 5) -> ModelSizes:
    """`ModelSizes` of up to 5 blocks."""
    V, d, f = draw(st.lists(st.integers(6, 99), min_size=3, max_size=3, unique=True))
    return ModelSizes(vocab_size=V, d_model=d, n_layers=draw(sides(1, max_layers)), d_ff=f)
