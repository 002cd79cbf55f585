"""Comparisons that say what is wrong, in this order: type, dtype, shape, entries that are not finite, value.

Parameters that several of them share:

what     the value as the student knows it: "softmax(S)", "gradients(X, Y, P, W, lam) → dW", "history['train_cost']"
dtype    the dtype that is asked for; that of `expected` unless given. It also chooses the tolerance.
given    inputs to show, by name; arrays and numbers among them help to find a relation
sizes    what the sizes of the problem are called: {"N": 8, "K": 3}; names a factor of 8
related  what known mistakes would give, described to follow "dW is …": {"the gradient without its regulariser": array}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grader.explain.clues import Clues, Given, Sizes, explain_values, how_far, relation_of, shape_relation
from grader.explain.excerpt import digits_to_tell, show_around, show_given
from grader.explain.message import fail, got, subject
from grader.explain.tolerances import Tolerance, deviation, tolerance_of
from grader.explain.unknown import judges
from grader.explain.values import FloatArray, Seen, describe, dtype_name, is_a, is_tensor, number, see

EXACT = Tolerance(1e-9, 0.0)  # for integers, in float64


@judges
def assert_array(actual: object, *, shape: tuple[int, ...], dtype: object, what: str, finite: bool = True) -> None:
    """An array (or tensor, if `dtype` is torch's) of this shape and dtype; `dtype=None` takes any number type."""
    __tracebackhide__ = True
    library = "torch" if type(dtype).__module__ == "torch" else "NumPy"
    wanted = None if dtype is None else dtype_name(dtype)
    seen = _check_type(actual, library, shape, what)
    _check_dtype(seen, wanted, what)
    _check_shape(seen, shape, what)
    if finite:
        _check_finite(seen.data, np.zeros(shape), what, None)


@judges
def assert_finite(actual: object, *, what: str, given: Given = None) -> None:
    """An array, tensor or number without nan and inf."""
    __tracebackhide__ = True
    simple = number(actual)
    seen = see(actual if simple is None else np.asarray(simple))
    if seen is None or seen.kind not in "fib":
        fail(f"{got(what, actual)}; expected numbers.", given=show_given(given))
    _check_finite(seen.data, np.zeros(seen.shape), what, given)


@judges
def assert_close(
    actual: object,
    expected: object,
    *,
    what: str,
    given: Given = None,
    related: Mapping[str, object] | None = None,
    sizes: Sizes = None,
    dtype: object = None,
    rtol: float | None = None,
    atol: float | None = None,
) -> None:
    """`actual` is an array (or tensor) like `expected`, and close to it: see `tolerances`. Integers and bools: equal.

    An oracle may be more precise than what it judges: `assert_close(out, exact, dtype=np.float32, …)`.
    Infinite entries of `expected` must be met exactly; nan in `expected` is the check's own error.
    """
    __tracebackhide__ = True
    right = see(expected)
    if right is None or right.kind not in "fib":
        raise ValueError(
            f"{what}: expected must be an array of numbers, got {type(expected).__name__}; see assert_scalar"
        )
    wanted = right.dtype if dtype is None else dtype_name(dtype)
    left = _check_type(actual, right.library, right.shape, what)
    _check_dtype(left, wanted, what)
    if left.shape != right.shape:
        _check_shape(left, right.shape, what, shape_relation(left, right, what))
    if right.kind != "f":
        if not np.array_equal(left.data, right.data):
            clues = Clues(what, given, related, sizes, EXACT)
            explain_values(left.data, right.data, clues)
        return
    tolerance = tolerance_of(wanted, rtol, atol)
    a, e = _finite_part(left.data, right.data, what, given)
    off = deviation(a, e, tolerance)
    if off is not None:
        explain_values(a, e, Clues(what, given, related, sizes, tolerance), off)


@judges
def assert_scalar(
    actual: object,
    expected: object,
    *,
    what: str,
    given: Given = None,
    related: Mapping[str, object] | None = None,
    sizes: Sizes = None,
    dtype: object = None,
    rtol: float | None = None,
    atol: float | None = None,
) -> None:
    """A float, NumPy scalar, 0-d array or 0-d tensor close to `expected`; where that is an int, an equal integer.

    The tolerance is that of `dtype`, else of `expected`; a Python float counts as float64. So for the loss of float32
    arrays pass dtype=np.float32: it may come back as a float, and still has seven digits at most.
    """
    __tracebackhide__ = True
    right, left = number(expected), number(actual)
    if right is None or right != right:
        raise ValueError(f"{what}: expected must be a number, got {describe(expected)}")
    if is_a(right, int):
        if left != right or not is_a(left, int):
            same = next((text for text, wrong in (related or {}).items() if left is not None and left == wrong), "")
            relation = f"{subject(what)} is {same}." if same else ""
            fail(f"{got(what, actual)}; expected the integer {right}.", relation=relation, given=show_given(given))
        return
    if left is None:
        hint = " Is a sum or mean missing?" if (seen := see(actual)) is not None and seen.shape else ""
        fail(f"{got(what, actual)}; expected a number (a float or a 0-d array).{hint}", given=show_given(given))
    if left == right:
        return
    if not np.isfinite(left) or not np.isfinite(right):
        fail(f"{what} is {left:.6g}; expected {right:.6g}.", given=show_given(given))
    own = see(expected)
    wanted = dtype_name(dtype) if dtype is not None else own.dtype if own is not None else "float64"
    tolerance = tolerance_of(wanted, rtol, atol)
    a, e = np.asarray(left, float), np.asarray(right, float)
    off = deviation(a, e, tolerance)
    if off is not None:
        digits = digits_to_tell(left, right)
        relation = relation_of(a, e, Clues(what, given, related, sizes, tolerance))
        headline = f"{what}: wrong value {left:.{digits}g}; expected {right:.{digits}g}; {how_far(off, tolerance)}."
        fail(headline, relation=relation, given=show_given(given))


def _check_type(actual: object, library: str, shape: tuple[int, ...], what: str) -> Seen:
    __tracebackhide__ = True
    array = (
        is_tensor(actual)
        if library == "torch"
        else is_a(actual, np.ndarray) or (shape == () and is_a(actual, np.generic))
    )
    seen = see(actual) if array else None
    if seen is None:
        noun = "torch tensor" if library == "torch" else "NumPy array"
        fail(f"{got(what, actual)}; expected a {noun} of shape {shape}.")
    return seen


def _check_dtype(seen: Seen, wanted: str | None, what: str) -> None:
    __tracebackhide__ = True
    if seen.kind not in "fib":
        hint = " (were lists of different lengths put into one array?)" if seen.dtype == "object" else ""
        fail(f"{what}: the entries are of dtype {seen.dtype}; expected {wanted or 'numbers'}{hint}.")
    if wanted is None or seen.dtype == wanted or (seen.kind == "i" and wanted.lstrip("u").startswith("int")):
        return
    hint = ""
    if (seen.dtype, wanted) == ("float64", "float32"):
        hint = " NumPy's new arrays (zeros, random numbers, one-hot rows) are float64 unless you say dtype=X.dtype."
    elif seen.kind == "i" and "float" in wanted:
        hint = " Whole numbers round off what is written into them."
    fail(f"{what}: wrong dtype {seen.dtype}; expected {wanted}.{hint}")


def _check_shape(seen: Seen, shape: tuple[int, ...], what: str, relation: str = "") -> None:
    __tracebackhide__ = True
    if seen.shape != shape:
        if not relation and len(shape) == 2 and seen.shape == shape[::-1]:
            relation = "The axes are the other way round."
        fail(f"{what}: wrong shape {seen.shape}; expected {shape}.", relation=relation)


def _finite_part(actual: FloatArray, expected: FloatArray, what: str, given: Given) -> tuple[FloatArray, FloatArray]:
    """Both arrays with their common infinities set to 0."""
    __tracebackhide__ = True
    if np.isfinite(actual).all() and np.isfinite(expected).all():
        return actual, expected
    if np.isnan(expected).any():
        raise ValueError(f"{what}: nan in the expected value")
    _check_finite(actual, expected, what, given)
    infinite = np.isinf(expected)
    return np.where(infinite, 0.0, actual), np.where(infinite, 0.0, expected)


def _check_finite(actual: NDArray[Any], expected: FloatArray, what: str, given: Given) -> None:
    """Not finite exactly where, and as, expected."""
    __tracebackhide__ = True
    if actual.dtype.kind != "f":
        return
    same = (np.isfinite(actual) & np.isfinite(expected)) | (actual == expected)
    if same.all():
        return
    index = tuple(int(i) for i in np.argwhere(~same)[0])
    bad, right = actual[index], expected[index]
    wanted = f"{right:g}" if np.isinf(right) else "a finite number"
    if not index:
        fail(f"{what} is {bad:.4g}; expected {wanted}.", given=show_given(given))
    count, place = int((~same).sum()), list(index) if len(index) > 1 else f"index {index[0]}"
    fail(
        f"{what} is {bad:.4g} at {place}; expected {wanted} ({count} of {actual.size} entries are wrong in this way).",
        show_around(actual, index),
        given=show_given(given),
    )
