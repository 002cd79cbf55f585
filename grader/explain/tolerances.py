"""How close is close enough: one table by dtype, one way of measuring.

An array `a` agrees with the expected `e` when both hold:

    ‖a − e‖₂ ≤ rtol · ‖e‖₂ + atol · √size               the array as a whole
    max|a − e| ≤ ENTRY · rtol · max|e| + atol           every entry, so that one wrong entry in a big array cannot hide

Relative to the norm, not to each entry: an entry that nearly cancels may carry the rounding error of its large
neighbours. So rows of very different scale belong in separate comparisons.

The float64 row lies between two worlds: correct float64 code differs by 1e-15 … 1e-12, code that passes through float32
by 3e-8 or more. Neither depends on luck. The float32 row leaves room for exp and long sums, against mistakes of 1e-3
and more; half precisions carry 11 and 8 bits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grader.explain.values import FloatArray

ENTRY = 5.0

NUMERICAL_RTOL = 1e-5
"""For comparison with a numerical gradient, see `grader.gradients`."""

EPSILON_RTOL = 1e-6
"""For formulas where a small ε (1e-8) may stand here or there, as in σ + ε, √v + ε or log(p + ε)."""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """What may differ: relative to the norm, and absolute for each entry."""

    rtol: float
    atol: float


TOLERANCES = {
    "float64": Tolerance(1e-9, 1e-12),
    "float32": Tolerance(1e-4, 1e-6),
    "float16": Tolerance(2e-3, 1e-4),
    "bfloat16": Tolerance(1.6e-2, 1e-3),
}


@dataclass(frozen=True, slots=True)
class Deviation:
    """How far an array is off; `relative` is None where nothing but zeros was expected."""

    relative: float | None
    worst: float  # largest absolute error of an entry
    index: tuple[int, ...]  # where that is


def tolerance_of(dtype: str, rtol: float | None = None, atol: float | None = None) -> Tolerance:
    """The table's row for a dtype, with what the check asks for in its place."""
    if dtype not in TOLERANCES:
        raise ValueError(f"no tolerance for dtype {dtype}; the table has {', '.join(TOLERANCES)}")
    row = TOLERANCES[dtype]
    return Tolerance(row.rtol if rtol is None else rtol, row.atol if atol is None else atol)


def deviation(actual: FloatArray, expected: FloatArray, tolerance: Tolerance) -> Deviation | None:
    """None if `actual` is close enough to `expected` (same shape, all finite), otherwise how far it is off."""
    if expected.size == 0:
        return None
    with np.errstate(over="ignore", under="ignore"):
        error = np.abs(actual - expected)
        worst, scale = float(error.max()), float(np.abs(expected).max())
        unit = max(scale, worst) or 1.0  # keeps the squares below from overflow
        if not np.isfinite(unit):
            return Deviation(np.inf, worst, _where_largest(error))
        entry, root = worst <= ENTRY * tolerance.rtol * scale + tolerance.atol, expected.size**0.5
        if entry and worst * root <= tolerance.rtol * scale + tolerance.atol * root:
            return None  # the norms can only be closer: ‖a − e‖ ≤ worst · √size and ‖e‖ ≥ scale
        error_norm = float(np.linalg.norm(error.ravel() / unit)) * unit
        norm = float(np.linalg.norm(expected.ravel() / unit)) * unit
    if entry and error_norm <= tolerance.rtol * norm + tolerance.atol * root:
        return None
    return Deviation(error_norm / norm if norm else None, worst, _where_largest(error))


def _where_largest(error: FloatArray) -> tuple[int, ...]:
    return tuple(int(i) for i in np.unravel_index(int(error.argmax()), error.shape))
