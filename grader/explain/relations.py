"""The relation between a wrong answer and the right one, where there is one: a sentence that points at the mistake.

`relate` asks the finders below one after the other, the most telling first, and returns the first sentence. A finder
claims only what chance does not produce: enough entries that count (`Pair.need`), agreement to the precision of the
dtype. A single number has too few entries for most of them: there only factors and terms that have a name count.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from grader.explain.factors import name_factor, name_multiple
from grader.explain.pair import Pair
from grader.explain.places import permuted, region
from grader.explain.values import FloatArray

Finder = Callable[[Pair], str]


def relate(pair: Pair) -> str:
    """One sentence about the relation of two arrays of one shape, or "" if none is found."""
    with np.errstate(all="ignore"):
        return next((text for finder in FINDERS if (text := finder(pair))), "")


def _related(pair: Pair) -> str:
    """Arrays that the check names: what a known mistake would give."""
    if not pair.tells:
        return ""
    for description, array in pair.related.items():
        if pair.agree(pair.actual, array) and not pair.agree(pair.expected, array):
            return f"{pair.name} is {description}."
    return ""


def _constant(pair: Pair) -> str:
    if pair.actual.size < 3 or np.ptp(pair.actual) or not np.ptp(pair.expected):
        return ""
    value = pair.actual.flat[0]
    return f"Every entry of {pair.name} is {value:.4g}" + (": was it filled at all?" if value == 0 else ".")


def _factor(pair: Pair) -> str:
    """actual = c · expected; unless c has a name, only arrays of enough entries tell."""
    square = float(np.vdot(pair.expected, pair.expected))
    factor = float(np.vdot(pair.expected, pair.actual)) / square if square else 0.0
    if not np.isfinite(factor) or abs(factor) < 1e-9 or abs(factor - 1) < 1e-5:
        return ""
    if not pair.tells or not pair.agree(pair.actual, factor * pair.expected):
        return ""
    if pair.agree(pair.actual, -pair.expected):
        return f"{pair.name} is the negative of the expected value: is a sign the wrong way round?"
    enough = pair.weighs(pair.expected)
    named = name_factor(abs(factor), pair.sizes, pair.precision, composed=enough or pair.precision <= 1e-6)
    if not named and not enough:
        return ""
    times = f"{'minus ' if factor < 0 else ''}{abs(factor):.4g} ×"
    return f"{pair.name} is {times} the expected value{named or '.'}"


def _transposed(pair: Pair) -> str:
    if pair.actual.ndim != 2 or not pair.rich or not pair.agree(pair.actual, pair.expected.T):
        return ""
    return f"{pair.name} is the transpose of the expected value."


def _term(pair: Pair) -> str:
    """actual − expected = c · input: a regulariser, a bias or a shift that is missing, or there twice."""
    for name, array in pair.arrays.items():
        try:
            term = np.broadcast_to(array, pair.expected.shape)
        except ValueError:
            continue
        if not pair.weighs(term) or not (square := float(np.vdot(term, term))):
            continue
        factor = float(np.vdot(term, pair.difference)) / square
        if factor and pair.agree(pair.difference, factor * term):
            return _lacks(pair, factor, name)
    return ""


def _scalar_term(pair: Pair) -> str:
    """For one number: actual − expected = c · Σ input², where c has a name: the regulariser of a cost."""
    if pair.expected.size != 1:
        return ""
    difference = pair.difference.item()
    for name, array in pair.arrays.items():
        factor = difference / total if (total := float(np.sum(array**2))) else 0.0
        if abs(difference) > 1e-3 * pair.scale and name_multiple(abs(factor), pair.scalars, pair.precision):
            return _lacks(pair, factor, f"sum({name}²)")
    return ""


def _lacks(pair: Pair, factor: float, term: str) -> str:
    named = name_multiple(abs(factor), pair.scalars, pair.precision)
    amount = named or f"{abs(factor):.4g}"
    product = term if abs(abs(factor) - 1) < pair.precision and not named else f"{amount} × {term}"
    return f"{pair.name} {'lacks the' if factor < 0 else 'has an extra'} term {product}."


def _offset(pair: Pair) -> str:
    """actual − expected is one constant, or one for each row or column."""
    if not pair.rich or not pair.weighs(pair.difference):
        return ""
    mean = pair.difference.mean()
    if pair.agree(pair.difference, np.full_like(pair.difference, mean)):
        return f"Every entry of {pair.name} is {abs(mean):.4g} too {'large' if mean > 0 else 'small'}."
    if (line := _by_line(pair, pair.difference)) is not None:
        return f"Every {line} of {pair.name} is off by a constant of its own: is a term of each {line} missing?"
    return ""


def _scaled_lines(pair: Pair) -> str:
    """actual / expected is one constant for each row or column."""
    if not pair.rich or not np.all(pair.expected):
        return ""
    line = _by_line(pair, pair.actual / pair.expected)
    return (
        f"Every {line} of {pair.name} is off by a factor of its own: is it normalised along the right axis?"
        if line
        else ""
    )


def _by_line(pair: Pair, array: FloatArray) -> str | None:
    """ "row" or "column" if a matrix is constant along each, three entries or more."""
    if array.ndim != 2 or not np.isfinite(array).all():
        return None
    for axis, line in ((1, "row"), (0, "column")):
        if array.shape[axis] < pair.need or array.shape[1 - axis] < 2:
            continue
        if pair.agree(array, np.broadcast_to(array.mean(axis=axis, keepdims=True), array.shape)):
            return line
    return None


FUNCTIONS: dict[str, Callable[[FloatArray], FloatArray]] = {
    "the absolute value of": np.abs,
    "the square of": np.square,
    "the square root of": np.sqrt,
    "the logarithm of": np.log,
    "the exponential of": np.exp,
    "the reciprocal of": lambda e: 1 / e,
    "one minus": lambda e: 1 - e,
}


def _function(pair: Pair) -> str:
    """actual = f(expected), as where a variance is returned for a standard deviation."""
    if not pair.rich:
        return ""
    for words, function in FUNCTIONS.items():
        image = function(pair.expected)
        if np.isfinite(image).all() and pair.agree(pair.actual, image) and pair.weighs(image):
            return f"{pair.name} is {words} the expected value."
    return ""


def _precise_to(pair: Pair) -> str:
    """Right in the first digits only."""
    counts = np.abs(pair.expected) > 1e-3 * np.abs(pair.expected).max()
    if not counts.any() or (pair.expected.size > 1 and not pair.weighs(pair.expected)):
        return ""
    errors = np.abs(pair.difference[counts] / pair.expected[counts])
    relative = float(errors.max())
    everywhere = 2 * int((errors > 1e-2 * relative).sum()) >= errors.size  # not one wrong entry among right ones
    small = float(np.abs(pair.difference).max()) <= 1e-3 * float(np.abs(pair.expected).max())
    limit = 1e-3 if errors.size > 1 else 1e-5  # for one number chance comes closer
    if not 0 < relative < limit or not small or not everywhere:
        return ""
    digits = int(-np.log10(relative))
    if digits >= 6:
        doubt = "is something computed in float32, or a small ε added?"
        return f"{pair.name} agrees to float32 precision only ({digits} digits): {doubt}"
    return f"{pair.name} agrees to {digits} digits only: is a lower precision, an ε or a step size at work?"


FINDERS: tuple[Finder, ...] = (
    _related,
    _constant,
    _factor,
    _transposed,
    _term,
    _scalar_term,
    permuted,
    _function,
    _precise_to,
    region,
    _offset,
    _scaled_lines,
)
