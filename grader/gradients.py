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

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from grader.explain import Mismatch, assert_array, describe, number

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
