"""Layers, whole networks and descents: what the checks of hand-written deep learning differentiate and train."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from numpy.typing import DTypeLike

from grader.data import one_hot
from grader.strategies.basics import FLOATS, Array, Compact, Labels, make_labels, seeds, shapes, sides, until
from grader.strategies.linear import LAMS

Params = dict[str, Array]


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Features(Compact):
    """A batch for a normalisation layer: x, dout (N, D), gamma, beta (D,), running mean and var (D,), of one dtype.

    gamma has entries of either sign, between 0.5 and 2 in size; var lies between 0.5 and 2; N ≠ D unless N is 1.
    """

    x: Array
    dout: Array
    gamma: Array
    beta: Array
    mean: Array
    var: Array
    alpha: float
    seed: int

    @property
    def N(self) -> int:
        return int(self.x.shape[0])

    @property
    def D(self) -> int:
        return int(self.x.shape[1])

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.x.dtype

    @property
    def sizes(self) -> dict[str, int]:
        """For `explain`: what the sizes are called."""
        return {"N": self.N, "D": self.D}

    @property
    def given(self) -> dict[str, object]:
        """For `explain`: the inputs to show."""
        return {"x": self.x, "gamma": self.gamma, "beta": self.beta}

    def state(self) -> dict[str, Array]:
        """Running statistics as a dict of fresh arrays, which may be changed."""
        return {"mean": self.mean.copy(), "var": self.var.copy()}

    def astype(self, dtype: DTypeLike) -> Features:
        """The same batch in another precision."""
        names = ("x", "dout", "gamma", "beta", "mean", "var")
        return replace(self, **{name: getattr(self, name).astype(dtype) for name in names})

    def __repr__(self) -> str:
        return f"Features(N={self.N}, D={self.D}, dtype={self.dtype.name}, alpha={self.alpha}, seed={self.seed})"


@st.composite
def features(
    draw: DrawFn,
    *,
    min_side: int = 2,
    max_side: int = 7,
    dtypes: Sequence[DTypeLike] = FLOATS,
    N: int | None = None,
    scale: float = 1.5,
    offset: float = 0.5,
    alphas: Sequence[float] = (0.9,),
) -> Features:
    """`Features` with x of `offset` ± `scale`; N samples if that is given, else `min_side` to `max_side`, as for D."""
    if N is None:
        N, D = draw(shapes(2, min_side=min_side, max_side=max_side))
    else:
        D = draw(sides(min_side, max_side).filter(lambda side: side != N))
    dtype, alpha, seed = draw(st.sampled_from(dtypes)), draw(st.sampled_from(alphas)), draw(seeds())
    rng = np.random.default_rng(seed)
    return Features(
        x=(offset + scale * rng.standard_normal((N, D))).astype(dtype),
        dout=rng.standard_normal((N, D)).astype(dtype),
        gamma=(rng.choice([-1, 1], D) * rng.uniform(0.5, 2, D)).astype(dtype),
        beta=rng.standard_normal(D).astype(dtype),
        mean=rng.standard_normal(D).astype(dtype),
        var=rng.uniform(0.5, 2, D).astype(dtype),
        alpha=alpha,
        seed=seed,
    )


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Affine(Compact):
    """An affine layer: x (N, D), W (D, K), b (K,), dout (N, K), of one dtype; N, D, K all different."""

    x: Array
    W: Array
    b: Array
    dout: Array
    seed: int

    @property
    def sizes(self) -> dict[str, int]:
        """For `explain`: what the sizes are called."""
        return {"N": int(self.x.shape[0]), "D": int(self.W.shape[0]), "K": int(self.W.shape[1])}

    @property
    def given(self) -> dict[str, object]:
        """For `explain`: the inputs to show."""
        return {"x": self.x, "W": self.W, "b": self.b}

    def __repr__(self) -> str:
        sizes = ", ".join(f"{name}={n}" for name, n in self.sizes.items())
        return f"Affine({sizes}, dtype={self.x.dtype.name}, seed={self.seed})"


@st.composite
def affine(draw: DrawFn, *, min_side: int = 1, max_side: int = 7, dtypes: Sequence[DTypeLike] = FLOATS) -> Affine:
    """An `Affine` layer of normal numbers."""
    N, D, K = draw(shapes(3, min_side=min_side, max_side=max_side))
    dtype, seed = draw(st.sampled_from(dtypes)), draw(seeds())
    rng = np.random.default_rng(seed)
    x, W, b, dout = (rng.standard_normal(shape).astype(dtype) for shape in ((N, D), (D, K), (K,), (N, K)))
    return Affine(x=x, W=W, b=b, dout=dout, seed=seed)


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Network(Compact):
    """A network of affine layers with a batch for it.

    dims [D, m1, …, K] and N ≥ 3 are all different; norm None, "batch" or "layer"; X (N, D), y (N,) in 0…K−1; params
    'W1', 'b1', … and with norm 'gamma1', 'beta1', … for all layers but the last.
    """

    dims: list[int]
    norm: str | None
    X: Array
    y: Labels
    params: Params
    lam: float
    seed: int

    @property
    def N(self) -> int:
        return int(self.X.shape[0])

    @property
    def K(self) -> int:
        return self.dims[-1]

    @property
    def k(self) -> int:
        """The number of layers."""
        return len(self.dims) - 1

    @property
    def Y(self) -> Array:
        return one_hot(self.y, self.K, self.X.dtype)

    @property
    def sizes(self) -> dict[str, int]:
        """For `explain`: what the sizes are called."""
        return {"N": self.N, "K": self.K, "D": self.dims[0]}

    @property
    def given(self) -> dict[str, object]:
        """For `explain`: the inputs to show."""
        return {"dims": str(self.dims), "norm": self.norm, "lam": self.lam, "X": self.X, "y": self.y}

    def rng(self) -> np.random.Generator:
        """A generator for what else a check needs; starts anew at each call."""
        return np.random.default_rng([self.seed, 1])

    def astype(self, dtype: DTypeLike) -> Network:
        """The same network and batch in another precision."""
        params = {name: array.astype(dtype) for name, array in self.params.items()}
        return replace(self, X=self.X.astype(dtype), params=params)

    def __repr__(self) -> str:
        norm = f", norm={self.norm!r}" if self.norm else ""
        return f"Network(N={self.N}, dims={self.dims}{norm}, dtype={self.X.dtype.name}, seed={self.seed})"


@st.composite
def networks(
    draw: DrawFn,
    *,
    good: Callable[[Network], bool],
    norms: Sequence[str | None] = (None, "batch", "layer"),
    layers: Sequence[int] = (2, 3),
    max_side: int = 5,
    dtypes: Sequence[DTypeLike] = (np.float64,),
    lams: Sequence[float] = LAMS,
) -> Network:
    """A `Network` that is `good`: away from the kinks of its ReLUs, for instance, which only a check can say."""
    k = draw(st.sampled_from(layers))
    lengths = st.lists(sides(2, max(max_side, k + 3)), min_size=k + 2, max_size=k + 2, unique=True)
    N, *dims = draw(lengths.filter(lambda lengths: lengths[0] >= 3))  # two samples leave batch norm nothing but signs
    norm, dtype, lam = draw(st.sampled_from(norms)), draw(st.sampled_from(dtypes)), draw(st.sampled_from(lams))
    seed = draw(seeds())
    rng = np.random.default_rng(seed)

    def make() -> Network:
        X, y = rng.standard_normal((N, dims[0])), make_labels(rng, N, dims[-1], absent=False)
        params = make_params(rng, dims, norm)
        return Network(dims=dims, norm=norm, X=X, y=y, params=params, lam=lam, seed=seed).astype(dtype)

    return until(good, make, "a network that is good")


def make_params(rng: np.random.Generator, dims: Sequence[int], norm: str | None) -> Params:
    """Parameters of a network, none of them special: no bias is 0, no gamma 1."""
    params: Params = {}
    for i, (fan_in, fan_out) in enumerate(itertools.pairwise(dims), start=1):
        params[f"W{i}"] = rng.standard_normal((fan_in, fan_out)) * 1.3 / fan_in**0.5
        params[f"b{i}"] = 0.3 + rng.standard_normal(fan_out) / 2
        if norm is not None and i < len(dims) - 1:
            params[f"gamma{i}"] = rng.uniform(0.5, 2, fan_out)
            params[f"beta{i}"] = 0.5 + rng.standard_normal(fan_out) / 2
    return params


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Descent(Compact):
    """A way down a quadratic: f(w) = g·(w − w0) + ½ (w − w0)ᵀ A (w − w0), from w0 with steps of size eta.

    Every entry of the gradient g + A (w − w0) keeps a size between 0.4 and 2.1 while no entry of w moves further
    than 2: an ε of 1e-8 beside it does not matter, wherever it stands.
    """

    w: Array
    g: Array
    A: Array
    eta: float
    seed: int

    def gradient(self, w: Array) -> Array:
        """The gradient at w, in the dtype of the case."""
        return np.asarray(self.g + self.A @ (w - self.w), dtype=self.w.dtype)

    @property
    def given(self) -> dict[str, object]:
        """For `explain`: the inputs to show."""
        return {"the first w": self.w, "the first dw": self.g, "eta": self.eta}

    def astype(self, dtype: DTypeLike) -> Descent:
        """The same way in another precision."""
        return replace(self, **{name: getattr(self, name).astype(dtype) for name in ("w", "g", "A")})

    def __repr__(self) -> str:
        return f"Descent(D={self.w.size}, dtype={self.w.dtype.name}, eta={self.eta}, seed={self.seed})"


@st.composite
def descents(
    draw: DrawFn,
    *,
    min_side: int = 2,
    max_side: int = 6,
    dtypes: Sequence[DTypeLike] = FLOATS,
    etas: Sequence[float] = (0.01, 0.02, 0.005),
) -> Descent:
    """A `Descent` of D parameters; the curvature couples all of them."""
    D, dtype, eta = draw(sides(min_side, max_side)), draw(st.sampled_from(dtypes)), draw(st.sampled_from(etas))
    seed = draw(seeds())
    rng = np.random.default_rng(seed)
    root = rng.standard_normal((D, D))
    curvature = root @ root.T
    return Descent(
        w=rng.standard_normal(D).astype(dtype),
        g=(rng.choice([-1, 1], D) * rng.uniform(0.8, 1.7, D)).astype(dtype),
        A=(0.2 * curvature / np.abs(curvature).sum(axis=1).max()).astype(dtype),
        eta=eta,
        seed=seed,
    )
