"""Convolutions in one and two dimensions, pooling, and a network of both: the cases of ConvNets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from numpy.typing import DTypeLike

from grader.strategies.basics import FLOATS, Array, Compact, Shape, arrays, make_labels, seeds, shapes, until
from grader.strategies.linear import LAMS
from grader.strategies.nets import Net

DEFAULTS = {"stride": 1, "pad": 0, "dilation": 1}


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Convolution(Compact):
    """A convolution, transposed or not, with its upstream gradient: x (N, C, …), b (F,), dout (N, F, …), of one dtype.

    w is (F, C, …), transposed (C, F, …); N, C, F differ, and so do the sides of x, and those of w unless all are 1.
    """

    x: Array
    w: Array
    b: Array
    dout: Array
    stride: int
    pad: int
    dilation: int
    seed: int

    @property
    def inputs(self) -> tuple[Array, Array, Array]:
        return self.x, self.w, self.b

    @property
    def options(self) -> dict[str, int]:
        """Arguments by keyword; what has its default value is left out."""
        return {name: getattr(self, name) for name, usual in DEFAULTS.items() if getattr(self, name) != usual}

    @property
    def arguments(self) -> str:
        """As in `conv2d_forward(x, w, b, stride=2)`."""
        return ", ".join(["x, w, b", *(f"{name}={value}" for name, value in self.options.items())])

    @property
    def sizes(self) -> dict[str, int]:
        """For `explain`: what the sizes are called."""
        return {"N": len(self.x), "F": len(self.b), "C": int(self.x.shape[1])}

    @property
    def given(self) -> dict[str, object]:
        """For `explain`: the inputs to show."""
        return {"x": self.x, "w": self.w, "b": self.b, **self.options}

    def __repr__(self) -> str:
        shapes = f"x={self.x.shape}, w={self.w.shape}, stride={self.stride}, pad={self.pad}, dilation={self.dilation}"
        return f"Convolution({shapes}, dtype={self.x.dtype.name}, seed={self.seed})"


@st.composite
def convolutions(
    draw: DrawFn,
    *,
    ndim: int = 2,
    dtypes: Sequence[DTypeLike] = FLOATS,
    strides: Sequence[int] = (1, 2, 3),
    pads: Sequence[int] = (0, 1, 2),
    dilations: Sequence[int] = (1, 2),
    sides: Sequence[int] = (1, 2, 3),
    room: int = 4,
) -> Convolution:
    """A `Convolution` over `ndim` axes; with padding, windows may be longer than a side of x.

    Args:
        strides, pads, dilations: to choose from.
        sides: of a window, to choose from.
        room: how many steps of 1 a window has at the most, in each direction.
    """
    stride, pad, dilation = (draw(st.sampled_from(choices)) for choices in (strides, pads, dilations))
    window = draw(_windows(ndim, sides))
    spans = [dilation * (side - 1) + 1 for side in window]
    rooms = draw(st.lists(st.integers(0, room), min_size=ndim, max_size=ndim))
    lengths = _unequal([max(1, span - 2 * pad + more) for span, more in zip(spans, rooms, strict=True)])
    ends = [len(range(span - 1, n + 2 * pad, stride)) for n, span in zip(lengths, spans, strict=True)]
    N, C, F = draw(shapes(3, max_side=4))
    shaped = (N, C, *lengths), (F, C, *window), (F,), (N, F, *ends)
    return _filled(draw, shaped, dtypes, stride=stride, pad=pad, dilation=dilation)


@st.composite
def transposed_convolutions(draw: DrawFn, *, dtypes: Sequence[DTypeLike] = FLOATS) -> Convolution:
    """A transposed `Convolution` in two dimensions, whose output has at least one row and column."""
    stride, window = draw(st.sampled_from((1, 2, 3))), draw(_windows(2, (1, 2, 3)))
    lengths = draw(shapes(2, max_side=4))
    whole = [(n - 1) * stride + side for n, side in zip(lengths, window, strict=True)]
    pad = draw(st.integers(0, min(2, (min(whole) - 1) // 2)))
    N, C, F = draw(shapes(3, max_side=4))
    shaped = (N, C, *lengths), (C, F, *window), (F,), (N, F, *(n - 2 * pad for n in whole))
    return _filled(draw, shaped, dtypes, stride=stride, pad=pad, dilation=1)


def _windows(ndim: int, sides: Sequence[int]) -> SearchStrategy[Shape]:
    """The sides of a window: not all the same, but for 1 × 1."""
    several = st.lists(st.sampled_from(sides), min_size=ndim, max_size=ndim).map(tuple)
    return several.filter(lambda window: ndim == 1 or len(set(window)) > 1 or max(window) == 1)


def _unequal(lengths: Sequence[int]) -> Shape:
    """Lengths, where the last is one more if it is that of the first."""
    return *lengths[:-1], lengths[-1] + (len(lengths) > 1 and lengths[0] == lengths[-1])


def _filled(draw: DrawFn, shaped: Sequence[Shape], dtypes: Sequence[DTypeLike], **options: int) -> Convolution:
    dtype, seed = draw(st.sampled_from(dtypes)), draw(seeds())
    rng = np.random.default_rng(seed)
    x, w, b, dout = (rng.standard_normal(shape).astype(dtype) for shape in shaped)
    return Convolution(x=x, w=w, b=b, dout=dout, seed=seed, **options)


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Pooling(Compact):
    """Pooling of x (N, C, H, W), all of whose entries differ by more than 1/200, with dout; windows k × k."""

    x: Array
    dout: Array
    k: int
    stride: int
    seed: int

    @property
    def inputs(self) -> tuple[Array]:
        return (self.x,)

    @property
    def options(self) -> dict[str, int]:
        """Arguments by keyword."""
        return {"k": self.k, "stride": self.stride}

    @property
    def arguments(self) -> str:
        """As in `maxpool_forward(x, k=3, stride=2)`."""
        return f"x, k={self.k}, stride={self.stride}"

    @property
    def sizes(self) -> dict[str, int]:
        """For `explain`: what the sizes are called."""
        return {"k·k": self.k**2, "N": len(self.x)}

    @property
    def given(self) -> dict[str, object]:
        """For `explain`: the inputs to show."""
        return {"x": self.x, **self.options}

    def __repr__(self) -> str:
        shape = f"x={self.x.shape}, k={self.k}, stride={self.stride}"
        return f"Pooling({shape}, dtype={self.x.dtype.name}, seed={self.seed})"


@st.composite
def poolings(draw: DrawFn, *, dtypes: Sequence[DTypeLike] = FLOATS) -> Pooling:
    """`Pooling` whose windows overlap, touch or leave gaps, and often leave rows and columns over; H ≠ W."""
    k, stride = draw(st.sampled_from((2, 3, 1))), draw(st.sampled_from((1, 2, 3)))
    H, W = _unequal([k + draw(st.integers(0, 4)) for _ in "HW"])
    N, C = draw(shapes(2, max_side=3))
    dtype, seed = draw(st.sampled_from(dtypes)), draw(seeds())
    rng = np.random.default_rng(seed)
    x = 4 * rng.permutation(np.linspace(-1, 1, N * C * H * W) - 0.2).reshape(N, C, H, W)
    ends = [len(range(k - 1, n, stride)) for n in (H, W)]
    dout = rng.standard_normal((N, C, *ends))
    return Pooling(x=x.astype(dtype), dout=dout.astype(dtype), k=k, stride=stride, seed=seed)


def patched(*, dtypes: Sequence[DTypeLike] = FLOATS) -> SearchStrategy[tuple[Array, int]]:
    """X (N, C, f·a, f·b) with a ≠ b, and the side f of its patches."""

    def of_side(f: int) -> SearchStrategy[tuple[Array, int]]:
        shape = shapes(4, max_side=5).map(lambda s: (s[0], s[1], f * s[2], f * s[3]))
        return st.tuples(arrays(shape, dtypes=dtypes), st.just(f))

    return st.sampled_from((2, 3, 1)).flatmap(of_side)


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class ConvNetwork(Net):
    """N images X (N, C, H, W) in K classes, and a network: convolution, ReLU, max-pool with windows that touch, affine.

    N, C, F, K, H, W are all different but for C = 1; params W1 (F, C, k, k), b1 (F,), W2, whose rows are in the order
    F, row, column, and b2 (K,).
    """

    k: int
    stride: int
    pad: int
    pool: int

    @property
    def image_shape(self) -> Shape:
        return self.X.shape[1:]

    @property
    def F(self) -> int:
        return int(self.params["b1"].shape[0])

    @property
    def options(self) -> dict[str, int]:
        """The last arguments of a network, by keyword."""
        return {"stride": self.stride, "pad": self.pad, "pool": self.pool}

    @property
    def arguments(self) -> str:
        """As in `ConvNet((1, 5, 6), 4, 3, 2, rng)`."""
        options = ", ".join(f"{name}={value}" for name, value in self.options.items())
        return f"{self.image_shape}, {self.F}, {self.k}, {self.K}, rng, {options}"

    @property
    def sizes(self) -> dict[str, int]:
        """For `explain`: what the sizes are called."""
        return {"N": self.N, "K": self.K, "F": self.F, "C": self.image_shape[0]}


@st.composite
def conv_networks(
    draw: DrawFn,
    *,
    good: Callable[[ConvNetwork], bool],
    dtypes: Sequence[DTypeLike] = (np.float64,),
    lams: Sequence[float] = LAMS,
) -> ConvNetwork:
    """A `ConvNetwork` that is `good`: away from the kinks of ReLU and max-pool, for instance, which a check can say."""
    N, F, K = draw(shapes(3, min_side=2, max_side=5))
    C, k, pool = draw(st.sampled_from((1, 2, 3))), draw(st.sampled_from((2, 3, 1))), draw(st.sampled_from((2, 3, 1)))
    stride, pad = draw(st.sampled_from((1, 2))), draw(st.sampled_from((0, 1)))
    least = max(k - 2 * pad + stride * (2 * pool - 1), 3)  # two rows behind the pool
    H, W = _unequal([least + draw(st.integers(0, 2)) for _ in "HW"])
    rows, columns = (len(range(k - 1, n + 2 * pad, stride)) // pool for n in (H, W))
    dtype, lam, seed = draw(st.sampled_from(dtypes)), draw(st.sampled_from(lams)), draw(seeds())
    rng = np.random.default_rng(seed)

    def make() -> ConvNetwork:
        params: dict[str, Any] = {
            "W1": rng.standard_normal((F, C, k, k)) / k,
            "b1": rng.standard_normal(F) / 2,
            "W2": rng.standard_normal((F * rows * columns, K)) / (rows * columns) ** 0.5,
            "b2": rng.standard_normal(K) / 2,
        }
        X, y = rng.standard_normal((N, C, H, W)), make_labels(rng, N, K, absent=False)
        case = ConvNetwork(X=X, y=y, lam=lam, seed=seed, params=params, k=k, stride=stride, pad=pad, pool=pool)
        return case.astype(dtype)

    return until(good, make, "a network that is good")


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Residual(Compact):
    """A residual block: x, dout (N, C, H, W) and params w1 (M, C, 3, 3), b1 (M,), w2 (C, M, 3, 3), b2 (C,).

    N, C, M, H, W are all different.
    """

    x: Array
    params: dict[str, Array]
    dout: Array
    seed: int

    @property
    def inputs(self) -> tuple[Array, ...]:
        return self.x, *self.params.values()

    @property
    def given(self) -> dict[str, object]:
        """For `explain`: the inputs to show."""
        return {"x": self.x, **self.params}

    def __repr__(self) -> str:
        shapes = f"x={self.x.shape}, w1={self.params['w1'].shape}"
        return f"Residual({shapes}, dtype={self.x.dtype.name}, seed={self.seed})"


@st.composite
def residuals(
    draw: DrawFn, *, good: Callable[[Residual], bool], dtypes: Sequence[DTypeLike] = (np.float64,)
) -> Residual:
    """A `Residual` that is `good`: away from the kinks of its ReLUs, for instance, which only a check can say."""
    N, C, M, H, W = draw(st.permutations((1, 2, 3, 4, 5)))
    dtype, seed = draw(st.sampled_from(dtypes)), draw(seeds())
    rng = np.random.default_rng(seed)
    shaped = {"w1": (M, C, 3, 3), "b1": (M,), "w2": (C, M, 3, 3), "b2": (C,)}

    def make() -> Residual:
        params = {name: (rng.standard_normal(shape) / 3).astype(dtype) for name, shape in shaped.items()}
        x, dout = (rng.standard_normal((N, C, H, W)).astype(dtype) for _ in range(2))
        return Residual(x=x, params=params, dout=dout, seed=seed)

    return until(good, make, "a residual block that is good")
