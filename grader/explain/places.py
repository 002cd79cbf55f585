"""Where a wrong answer is wrong, and whether right numbers stand in wrong places."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from grader.explain.pair import Pair
from grader.explain.values import FloatArray

Mask = NDArray[np.bool_]
MAX_LINES = 128  # rows that are matched with each other


def wrong_entries(pair: Pair) -> Mask:
    """True where an entry is off by more than rounding."""
    return np.abs(pair.difference) > _rounding(pair)


def _rounding(pair: Pair) -> float:
    return pair.tolerance.rtol * float(np.abs(pair.expected).max(initial=0.0)) + pair.tolerance.atol


def region(pair: Pair) -> str:
    """The wrong entries fill one place: a row, the border, the diagonal, where Y is 1."""
    wrong = wrong_entries(pair)
    count = int(wrong.sum())
    clearly_right = ~wrong & (np.abs(pair.expected) > 10 * _rounding(pair))  # small entries are right by chance
    if not count or int(clearly_right.sum()) < pair.need:
        return ""
    place = _place(wrong, pair)
    if place.startswith("only"):
        return f"{pair.name} is right {place}."
    zeros = count >= 2 and not np.any(pair.actual[wrong])
    if place:
        return f"{pair.name} is right except {place}{', where it is 0' if zeros else ''}."
    return f"{pair.name} is right except where it is 0: {count} of {wrong.size} entries." if zeros else ""


def _place(wrong: Mask, pair: Pair) -> str:
    if int(wrong.sum()) == 1:
        place = [int(i) for i in np.argwhere(wrong)[0]]
        return f"at {place if len(place) > 1 else f'index {place[0]}'}"
    return _matrix_place(wrong) or _slice_place(wrong) or _given_place(wrong, pair)


def _slice_place(wrong: Mask) -> str:
    """One index along one axis."""
    for axis in range(wrong.ndim):
        others = tuple(a for a in range(wrong.ndim) if a != axis)
        lines = np.flatnonzero(wrong.any(axis=others))
        if len(lines) == 1 and 1 < wrong.shape[axis] < wrong.size:
            return f"in {_line(axis, int(lines[0]), wrong.shape)}"
    return ""


def _line(axis: int, i: int, shape: tuple[int, ...]) -> str:
    if len(shape) != 2:
        return f"[{', '.join(str(i) if a == axis else ':' for a in range(len(shape)))}]"
    line = ("row", "column")[axis]
    return f"the first {line}" if i == 0 else f"the last {line}" if i == shape[axis] - 1 else f"{line} {i}"


def _matrix_place(wrong: Mask) -> str:
    """Diagonal, triangle or border of the last two axes."""
    if wrong.ndim < 2 or min(wrong.shape[-2:]) < 3:
        return ""
    rows, columns = wrong.shape[-2:]
    i, j = np.arange(rows)[:, None], np.arange(columns)
    if rows == columns and wrong.ndim == 2:
        places = {"on the diagonal": i == j, "above the diagonal": i < j, "below the diagonal": i > j}
        for place, mask in places.items():
            if _fills(wrong, mask):
                return place
        if not wrong[i == j].any() and wrong[i != j].all():
            return "only on the diagonal"
    inner = (i > 0) & (i < rows - 1) & (j > 0) & (j < columns - 1)
    return "at the border (first and last rows and columns)" if _fills(wrong, ~inner) else ""


def _fills(wrong: Mask, place: Mask) -> bool:
    """Wrong nowhere else, and in most of the place."""
    place = np.broadcast_to(place, wrong.shape)
    return not wrong[~place].any() and 2 * int(wrong[place].sum()) > int(place.sum()) and int(wrong.sum()) >= 3


def _given_place(wrong: Mask, pair: Pair) -> str:
    """Where an input of zeros and ones has its ones: the entries of the true class."""
    for name, array in pair.arrays.items():
        if array.shape != wrong.shape or not np.isin(array, (0, 1)).all():
            continue
        for value in (1, 0):
            if np.array_equal(wrong, array == value):
                return f"where {name} is {value}"
    return ""


def permuted(pair: Pair) -> str:
    """The right numbers in another order: flipped, shifted, rows or columns exchanged."""
    if not pair.rich or pair.distinct < min(8, pair.expected.size / 2):
        return ""
    axes = range(pair.expected.ndim)
    for count in range(1, min(pair.expected.ndim, 4) + 1):
        for subset in itertools.combinations(axes, count):
            if pair.agree(pair.actual, np.flip(pair.expected, subset)):
                names = " and ".join(str(axis) for axis in subset)
                return f"{pair.name} is the expected value flipped along {'axis' if count == 1 else 'axes'} {names}."
    for axis in axes:
        if (order := _order(pair, axis)) is not None:
            return _ordered(pair, axis, order)
    left, right = np.sort(pair.actual, axis=None), np.sort(pair.expected, axis=None)
    if pair.tolerance.rtol <= 1e-4 and pair.agree(left, right):
        return (
            f"{pair.name} has the right numbers in the wrong places: look at the order of axes, reshapes and indices."
        )
    return ""


def _order(pair: Pair, axis: int) -> list[int] | None:
    """Which expected line each actual line along an axis is; None unless it is a permutation."""
    lines = pair.expected.shape[axis]
    if not 1 < lines <= MAX_LINES:
        return None
    actual, expected = (np.moveaxis(a, axis, 0).reshape(lines, -1) for a in (pair.actual, pair.expected))
    order = [_nearest(row, expected) for row in actual]
    if sorted(order) != list(range(lines)) or order == list(range(lines)):
        return None
    return order if pair.agree(actual, expected[order]) else None


def _nearest(row: FloatArray, rows: FloatArray) -> int:
    return int(np.abs(rows - row).sum(axis=1).argmin())


def _ordered(pair: Pair, axis: int, order: list[int]) -> str:
    lines = len(order)
    words = (
        ("rows", "columns")[axis]
        if pair.expected.ndim == 2
        else "entries"
        if pair.expected.ndim == 1
        else f"slices along axis {axis}"
    )
    shift = (-order[0]) % lines
    if lines > 2 and order == [(i - shift) % lines for i in range(lines)]:
        shift = shift if 2 * shift <= lines else shift - lines
        return f"The {words} of {pair.name} are the expected ones, shifted by {shift} along axis {axis}."
    return f"The {words} of {pair.name} are the expected ones in another order."


def of_other_shape(pair: Pair) -> str:
    """What arrays of different shapes have to do with each other, or ""."""
    actual, expected = pair.actual, pair.expected
    if actual.ndim == expected.ndim == 2 and actual.shape == expected.shape[::-1]:
        return _transpose(pair, "is the transpose of")
    if not pair.weighs(expected) or not actual.size:
        return ""
    for axes in itertools.permutations(range(expected.ndim)) if 2 < expected.ndim <= 4 else ():
        if pair.agree(actual, expected.transpose(axes)):
            return f"{pair.name} is the expected value with its axes in the order {axes}."
    if actual.size == expected.size and pair.agree(actual.ravel(), expected.ravel()):
        return f"{pair.name} has the right numbers: only the shape is wrong (keepdims, reshape, [:, None]?)."
    for axis in range(actual.ndim):
        for word, reduced in (("sum", actual.sum(axis=axis)), ("mean", actual.mean(axis=axis))):
            if pair.agree(reduced, expected):
                return f"The {word} of {pair.name} over axis {axis} is the expected value: is that {word} missing?"
    return ""


def _transpose(pair: Pair, words: str) -> str:
    if pair.agree(pair.actual, pair.expected.T):
        return f"{pair.name} {words} the expected value."
    return "The axes are the other way round."
