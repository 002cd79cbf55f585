"""Operands of the operations that a computational graph is made of: broadcast, multiplied as matrices, reduced."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from numpy.typing import DTypeLike

from grader.strategies.basics import FLOATS, Array, Compact, Shape, normal, seeds, shapes

Axis = int | tuple[int, ...] | None


class _Seeded(Compact):
    """A case whose entries come from one seed."""

    seed: int

    def like(self, array: Any) -> Array:
        """Normal numbers of an array's shape and dtype, for an upstream gradient; the same at each call."""
        return normal(np.shape(array), np.asarray(array).dtype, self.seed + 1)


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Operands(_Seeded):
    """Two arrays a and b that can be combined; every entry is 0.5 to 2 away from 0, on either side."""

    a: Array
    b: Array
    seed: int

    @property
    def given(self) -> dict[str, object]:
        """For `explain`: the inputs to show."""
        return {"a": self.a, "b": self.b}

    def __repr__(self) -> str:
        shapes = f"a={self.a.shape}, b={self.b.shape}"
        return f"Operands({shapes}, dtype={self.a.dtype.name}, seed={self.seed})"


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Reduction(_Seeded):
    """An array x, and axes to reduce it over: None, one (maybe negative) or several."""

    x: Array
    axis: Axis
    keepdims: bool
    seed: int

    @property
    def arguments(self) -> str:
        """As in `x.sum(axis=1, keepdims=True)`."""
        return f"axis={self.axis}, keepdims={self.keepdims}"

    @property
    def given(self) -> dict[str, object]:
        """For `explain`: the inputs to show."""
        return {"x": self.x}

    def __repr__(self) -> str:
        return f"Reduction(x={self.x.shape}, {self.arguments}, dtype={self.x.dtype.name}, seed={self.seed})"


@st.composite
def operands(
    draw: DrawFn, *, dtypes: Sequence[DTypeLike] = FLOATS, min_ndim: int = 0, max_ndim: int = 3, alike: bool = False
) -> Operands:
    """`Operands` of shapes that broadcast: with fewer axes, with axes of length 1, with none at all; or `alike`."""
    whole = draw(shapes(draw(st.integers(min_ndim, max_ndim)), min_side=2, max_side=5))
    first, second = (whole if alike else draw(_parts_of(whole)) for _ in "ab")
    return _operands(draw, first, second, dtypes)


def _parts_of(whole: Shape) -> SearchStrategy[Shape]:
    """Shapes that broadcast to a whole one."""
    return st.builds(
        lambda stretched, dropped: tuple(
            1 if one else n for n, one in list(zip(whole, stretched, strict=True))[dropped:]
        ),
        st.tuples(*[st.booleans() for _ in whole]),
        st.integers(0, len(whole)),
    )


PRODUCTS = (  # "n": an axis that is summed over
    ("in", "nj"),
    ("n", "n"),
    ("n", "nj"),
    ("in", "n"),
    ("bin", "bnj"),
    ("bin", "nj"),
    ("in", "bnj"),
    ("n", "bnj"),
    ("bin", "n"),
    ("b1in", "cnj"),
    ("1in", "bnj"),
    ("bcin", "bcnj"),
)


@st.composite
def products(
    draw: DrawFn, *, dtypes: Sequence[DTypeLike] = FLOATS, kinds: Sequence[tuple[str, str]] = PRODUCTS
) -> Operands:
    """`Operands` of a @ b: vectors, matrices, stacks of matrices whose leading axes are alike, 1 or missing."""
    left, right = draw(st.sampled_from(kinds))
    sides = dict(zip("injbc", draw(shapes(5, min_side=2, max_side=6)), strict=True)) | {"1": 1}
    return _operands(draw, tuple(sides[n] for n in left), tuple(sides[n] for n in right), dtypes)


def _operands(draw: DrawFn, first: Shape, second: Shape, dtypes: Sequence[DTypeLike]) -> Operands:
    dtype, seed = draw(st.sampled_from(dtypes)), draw(seeds())
    rng = np.random.default_rng(seed)
    a, b = (rng.uniform(0.5, 2, shape) * rng.choice((-1, 1), shape) for shape in (first, second))
    return Operands(a=np.asarray(a, dtype), b=np.asarray(b, dtype), seed=seed)


@st.composite
def reductions(
    draw: DrawFn, *, dtypes: Sequence[DTypeLike] = FLOATS, min_ndim: int = 1, max_ndim: int = 4
) -> Reduction:
    """`Reduction` of arrays with unequal axes; the axes of a tuple come in any order and sign."""
    ndim = draw(st.integers(min_ndim, max_ndim))
    shape, dtype, seed = draw(shapes(ndim, min_side=2, max_side=5)), draw(st.sampled_from(dtypes)), draw(seeds())
    one = st.integers(-ndim, ndim - 1)
    several = st.lists(one, min_size=1, max_size=ndim, unique_by=lambda axis: axis % ndim).map(tuple)
    axis = draw(st.one_of(one, st.none(), several))
    return Reduction(x=normal(shape, dtype, seed), axis=axis, keepdims=draw(st.booleans()), seed=seed)
