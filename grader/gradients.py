"""Numerical gradients: the oracle for a backward pass is the student's own forward pass.

A central difference (f(x + h) − f(x − h)) / 2h is off by truncation, h²/6 · |f‴|, and by rounding, about ε·|f|/h with
ε = 1.1e-16. For |f| and |f‴| near 1 the sum is least at h = ∛(3ε) ≈ 7e-6, where each part is near 1e-11. STEP is close
to that, the power of two 2⁻¹⁷ ≈ 7.6e-6: x ± h then loses no digits of h for entries near 1, and the width is measured,
(x + h) − (x − h), so that what x does round away is not an error of the quotient. With f up to 1e3, or f‴ up to 1e3
(inputs of size 10), the error stays under 1e-8 of the gradient's scale: compare with `explain.NUMERICAL_RTOL`, 1e-5.

Functions with kinks (hinge, ReLU, max) are right only where no kink lies within h·|∂| of the point; the strategies
keep inputs further away than that. See Nocedal & Wright, Numerical Optimization, 2nd ed., section 8.1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from grader.explain import NUMERICAL_RTOL, TOLERANCES, Mismatch, assert_array, assert_close, describe, number

STEP = 2.0**-17

FloatArray = NDArray[np.float64]


def numerical_gradient(f: Callable[[FloatArray], object], x: ArrayLike, h: float = STEP) -> FloatArray:
    """∂f/∂x for a scalar f, as a float64 array of x's shape, by central differences: 2·size calls of f.

    f gets a fresh float64 copy at each call, so it may keep or change it; x itself is never touched. f returns a
    number (float, NumPy scalar, 0-d array); anything else is a `Mismatch`.
    """
    point = np.array(x, dtype=np.float64)
    slopes = np.empty_like(point)
    for index in np.ndindex(point.shape):
        above, below = point.copy(), point.copy()
        above[index] += h
        below[index] -= h
        width = above[index] - below[index]
        slopes[index] = (_value(f(above)) - _value(f(below))) / width
    return slopes


def numerical_vjp(f: Callable[[FloatArray], object], x: ArrayLike, dout: ArrayLike, h: float = STEP) -> FloatArray:
    """The gradient of sum(f(x) · dout): what a backward pass must give for the upstream gradient `dout`.

    f returns a NumPy array of dout's shape (float64 for full precision), or a number if dout is 0-d.
    """
    upstream = np.array(dout, dtype=np.float64)

    def weighted(point: FloatArray) -> float:
        out = f(point)
        if upstream.shape == ():
            return _value(out) * float(upstream)
        assert_array(out, shape=upstream.shape, dtype=None, what="the function that is differentiated", finite=False)
        return float(np.vdot(upstream, np.asarray(out, dtype=np.float64)))

    return numerical_gradient(weighted, x, h)


def _value(result: object) -> float:
    value = number(result)
    if value is None:
        raise Mismatch(f"The function that is differentiated returned {describe(result)}; expected a number.")
    return float(value)


def assert_gradients(
    actual: Sequence[object],
    expected: Mapping[str, NDArray[Any]],
    *,
    forward: Callable[..., object],
    inputs: Sequence[NDArray[Any]],
    dout: NDArray[Any],
    what: str,
    related: Callable[[], Mapping[str, Mapping[str, object]]] = dict,
    **clues: Any,
) -> None:
    """The gradients that a backward pass gives are right, or they are those of the submission's own forward pass.

    So a mistake in forward costs the task of forward only, whether backward repeats it or not. The forward pass is
    asked only if the gradients are not right.

    Args:
        actual: the gradients, in the order of `expected`.
        expected: the right ones, by the name that students know them by.
        forward: the submission's own: called with arrays like `inputs`, it gives an array like `dout`.
        inputs: by which it is differentiated, in the same order.
        related: what known mistakes give, by the name of the gradient; asked only if they are needed.
        clues: `given`, `sizes` and tolerances for `assert_close`.
    """
    __tracebackhide__ = True
    parts = dict(zip(expected, actual, strict=True))
    try:
        for name, right in expected.items():
            assert_close(parts[name], right, what=f"{what} → {name}", **clues)
        return
    except Mismatch as mismatch:
        problem = mismatch
    if _differentiates(list(parts.values()), list(expected.values()), forward, inputs, dout):
        return
    mistakes = related()
    for name, right in expected.items():
        assert_close(parts[name], right, what=f"{what} → {name}", related=mistakes.get(name), **clues)
    raise problem


def _differentiates(
    gradients: Sequence[object],
    expected: Sequence[NDArray[Any]],
    forward: Callable[..., object],
    inputs: Sequence[NDArray[Any]],
    dout: NDArray[Any],
) -> bool:
    """Whether these are the gradients of sum(dout * forward(*inputs)).

    The derivatives along two random directions tell: right gradients agree with both, and others hardly ever do. A
    forward pass that next to nothing has an influence on does not count.
    """
    try:
        for gradient, right in zip(gradients, expected, strict=True):
            assert_array(gradient, shape=right.shape, dtype=right.dtype, what="")
    except Mismatch:
        return False
    found = np.concatenate([np.asarray(gradient, np.float64).ravel() for gradient in gradients])
    right = np.concatenate([gradient.astype(np.float64).ravel() for gradient in expected])
    size, rtol = float(np.linalg.norm(found)), max(NUMERICAL_RTOL, TOLERANCES[dout.dtype.name].rtol)
    if size < 0.1 * float(np.linalg.norm(right)):
        return False
    points = [array.astype(np.float64) for array in inputs]
    for seed in (1, 2):
        rng = np.random.default_rng(seed)
        ways = [rng.standard_normal(point.shape) for point in points]

        def along(t: FloatArray, ways: Sequence[FloatArray] = ways) -> object:
            return forward(*(point + t * way for point, way in zip(points, ways, strict=True)))

        slope = numerical_vjp(along, 0.0, dout).item()
        if not abs(slope - found @ np.concatenate([way.ravel() for way in ways])) <= rtol * size * found.size**0.5:
            return False
    return True
