"""Seeds, sizes, dtypes, and the arrays and labels made of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from numpy.typing import DTypeLike, NDArray

Array = NDArray[Any]
Labels = NDArray[np.int64]
Shape = tuple[int, ...]
Case = TypeVar("Case")

FLOATS: tuple[DTypeLike, ...] = (np.float64, np.float32)
ATTEMPTS = 1000


class Compact:
    """A case that Hypothesis prints by its own repr, not field by field."""

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(repr(self))


def seeds() -> SearchStrategy[int]:
    """Seeds for `np.random.default_rng`; shrink towards 0."""
    return st.integers(0, 2**32 - 1)


def rngs() -> SearchStrategy[np.random.Generator]:
    """Fresh generators, printed as `default_rng(seed)`."""
    return st.builds(np.random.default_rng, seeds())


def dtypes(choices: Sequence[DTypeLike] = FLOATS) -> SearchStrategy[np.dtype[Any]]:
    """float64 and float32; shrinks towards the first."""
    return st.sampled_from([np.dtype(choice) for choice in choices])


def sides(min_side: int = 1, max_side: int = 7) -> SearchStrategy[int]:
    """The length of one axis; shrinks towards `min_side`."""
    return st.integers(min_side, max_side)


def shapes(ndim: int = 2, *, min_side: int = 1, max_side: int = 7) -> SearchStrategy[Shape]:
    """Shapes whose axes all differ in length."""
    return st.lists(sides(min_side, max_side), min_size=ndim, max_size=ndim, unique=True).map(tuple)


def arrays(
    shape: Shape | SearchStrategy[Shape] | None = None,
    *,
    ndim: int = 2,
    min_side: int = 1,
    max_side: int = 7,
    dtypes: Sequence[DTypeLike] = FLOATS,
    scale: float = 1.0,
    offset: float = 0.0,
) -> SearchStrategy[Array]:
    """Normal numbers, `offset` ± `scale`; the shape is given, or drawn by a strategy, or has `ndim` unequal axes."""
    if shape is None:
        shape = shapes(ndim, min_side=min_side, max_side=max_side)
    sizes = shape if isinstance(shape, SearchStrategy) else st.just(shape)
    spread = {"scale": st.just(scale), "offset": st.just(offset)} if (scale, offset) != (1.0, 0.0) else {}
    return st.builds(normal, shape=sizes, dtype=st.sampled_from(dtypes), seed=seeds(), **spread)


def normal(shape: Shape, dtype: DTypeLike, seed: int, scale: float = 1.0, offset: float = 0.0) -> Array:
    """The array that a seed stands for."""
    return np.asarray(offset + scale * np.random.default_rng(seed).standard_normal(shape), dtype=dtype)


def matrices(**options: Any) -> SearchStrategy[Array]:
    """Two-dimensional `arrays`, with the same options."""
    return arrays(ndim=2, **options)


@st.composite
def labels(draw: DrawFn, N: int, K: int) -> Labels:
    """Labels (N,) in 0…K−1: every class if N ≥ K; in some draws one class is absent."""
    absent = draw(st.booleans())
    return make_labels(np.random.default_rng(draw(seeds())), N, K, absent=absent)


def make_labels(rng: np.random.Generator, N: int, K: int, *, absent: bool) -> Labels:
    """Random labels of all K classes, as far as N goes, or of all but one."""
    present = rng.permutation(K)[: K - 1] if absent and K > 1 else rng.permutation(K)
    rest = rng.choice(present, size=max(N - len(present), 0))
    return rng.permutation(np.concatenate([present, rest])[:N]).astype(np.int64)


def until(good: Callable[[Case], bool], make: Callable[[], Case], what: str) -> Case:
    """The first good case of those that `make` gives; reproducible if `make` is."""
    for _ in range(ATTEMPTS):
        if good(case := make()):
            return case
    raise ValueError(f"no case with {what} in {ATTEMPTS} attempts: ask for less")
