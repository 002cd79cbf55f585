"""What helps to explain a wrong value, and the explanation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from grader.explain.excerpt import compare, show_given
from grader.explain.message import fail, subject
from grader.explain.pair import Pair
from grader.explain.places import of_other_shape, wrong_entries
from grader.explain.relations import relate
from grader.explain.tolerances import ENTRY, Deviation, Tolerance, tolerance_of
from grader.explain.values import FloatArray, Seen, number, see

Given = Mapping[str, object] | None
Sizes = Mapping[str, int] | None


class Clues:
    """What helps to explain a wrong value."""

    def __init__(
        self, what: str, given: Given, related: Mapping[str, object] | None, sizes: Sizes, tolerance: Tolerance
    ) -> None:
        self.what, self.given, self.tolerance = what, given or {}, tolerance
        self.related = _arrays(related or {})
        self.arrays = {name: array for name, array in _arrays(self.given).items() if array.size > 1}
        self.scalars = {name: float(n) for name, value in self.given.items() if (n := number(value)) is not None}
        self.sizes: dict[str, float] = {name: float(n) for name, n in (sizes or _sizes_in(self.arrays)).items()}


def _arrays(values: Mapping[str, object]) -> dict[str, FloatArray]:
    """The finite numeric arrays among some values, as float64."""
    seen = {name: see(value if number(value) is None else np.asarray(number(value))) for name, value in values.items()}
    floats = {name: s.data.astype(np.float64) for name, s in seen.items() if s is not None and s.kind in "fib"}
    return {name: array for name, array in floats.items() if np.isfinite(array).all()}


def _sizes_in(arrays: Mapping[str, FloatArray]) -> dict[str, int]:
    """Names for sizes where the check gives none: {"X.shape[0]": 8}; each length once."""
    lengths = [(f"{name}.shape[{axis}]", n) for name, array in arrays.items() for axis, n in enumerate(array.shape)]
    return {name: n for n, name in {n: name for name, n in reversed(lengths)}.items()}


def relation_of(actual: FloatArray, expected: FloatArray, clues: Clues) -> str:
    """What the wrong values have to do with the right ones, see `relations`."""
    return relate(
        Pair(
            name=subject(clues.what),
            actual=actual,
            expected=expected,
            tolerance=clues.tolerance,
            sizes=clues.sizes,
            scalars=clues.scalars,
            arrays=clues.arrays,
            related=clues.related,
        )
    )


def explain_values(
    actual: NDArray[Any], expected: NDArray[Any], clues: Clues, off: Deviation | None = None
) -> NoReturn:
    """Fails with all there is to say about wrong values; `off` is None for integers and bools."""
    __tracebackhide__ = True
    a, e = actual.astype(np.float64), expected.astype(np.float64)
    with np.errstate(all="ignore"):
        wrong = wrong_entries(Pair(name="", actual=a, expected=e, tolerance=clues.tolerance))
    index = off.index if off else tuple(int(i) for i in np.argwhere(wrong)[0])
    count = f"{wrong.sum()} of {e.size} entries" if 0 < wrong.sum() < e.size else ""
    far = ", ".join(part for part in (count, how_far(off, clues.tolerance) if off else "") if part)
    fail(
        f"{clues.what}: wrong values{': ' if far else ''}{far}.",
        compare(actual, expected, index),
        relation=relation_of(a, e, clues),
        given=show_given(clues.given),
    )


def how_far(off: Deviation, tolerance: Tolerance) -> str:
    """The error that is too large, and what is allowed."""
    if off.relative is None:
        return f"off by {off.worst:.2g} (allowed {_few(tolerance.atol)})"
    if off.relative > tolerance.rtol:
        return f"relative error {off.relative:.2g} (allowed {_few(tolerance.rtol)})"
    return f"one is off by {off.worst:.2g} (allowed {_few(ENTRY * tolerance.rtol)} of the largest entry)"


def _few(value: float) -> str:
    return f"{value:.2g}".replace("e-0", "e-")


def shape_relation(left: Seen, right: Seen, what: str) -> str:
    """What the values say about a wrong shape."""
    a, e = (seen.data.astype(np.float64) for seen in (left, right))
    if not (np.isfinite(a).all() and np.isfinite(e).all() and a.size <= 10**6):
        return ""
    tolerance = tolerance_of(right.dtype) if right.kind == "f" else Tolerance(1e-9, 0.0)
    return of_other_shape(Pair(name=subject(what), actual=a, expected=e, tolerance=tolerance))
