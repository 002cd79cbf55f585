"""The part of an array that a student should see, in few digits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grader.explain.values import describe, is_a, number, see
from grader.text import plain

FULL = 32  # entries of an array that is shown whole
WIDE = 8  # entries of one row that is shown whole
AROUND = 2  # neighbours of the worst entry on each side
GIVEN = 8  # inputs that are shown
INDENT = "  "


def digits_to_tell(a: float, b: float) -> int:
    """The fewest significant digits, four or more, in which two numbers differ."""
    return next((digits for digits in (4, 6, 8, 10, 12) if f"{a:.{digits}g}" != f"{b:.{digits}g}"), 17)


def table(array: NDArray[Any], digits: int = 4) -> str:
    """An array as NumPy prints it, columns aligned."""
    texts = [_entry(entry, digits) for entry in array.ravel().tolist()]
    width = max((len(text) for text in texts), default=0)
    pad: Any = {"all": lambda entry: f"{_entry(entry.item(), digits):>{width}}"}
    return np.array2string(array, formatter=pad, max_line_width=110, threshold=10**6)


def _entry(value: Any, digits: int) -> str:
    return f"{value:.{digits}g}" if isinstance(value, float) else str(value)


def labelled(label: str, array: NDArray[Any], digits: int = 4, indent: str = INDENT) -> str:
    """`label` and an array to its right, all lines indented."""
    head = f"{indent}{label} "
    return head + table(array, digits).replace("\n", "\n" + " " * len(head))


def compare(actual: NDArray[Any], expected: NDArray[Any], index: tuple[int, ...]) -> str:
    """Expected and actual side by side: whole if small, else around `index`, the entry that is furthest off."""
    digits = digits_to_tell(actual[index], expected[index]) if actual.dtype.kind == "f" else 4
    window = _window(expected.shape, index)
    lines = []
    if window is not None:
        lines.append(f"{INDENT}around the worst entry, {list(index)} ({_spans(window)} of shape {expected.shape}):")
        actual, expected = actual[window], expected[window]
    lines += [labelled("expected", expected, digits), labelled("actual  ", actual, digits)]
    if window is None and expected.size > 3:
        place = list(index) if len(index) > 1 else index[0]
        left, right = _entry(expected[index].item(), digits), _entry(actual[index].item(), digits)
        lines.append(f"{INDENT}worst entry {place}: expected {left}, actual {right}")
    return "\n".join(lines)


def show_around(actual: NDArray[Any], index: tuple[int, ...]) -> str:
    """An array, or what of it lies around `index`, where no expected value is at hand."""
    window = _window(actual.shape, index)
    return labelled("actual", actual) if window is None else labelled(f"actual{_spans(window)}", actual[window])


def _window(shape: tuple[int, ...], index: tuple[int, ...]) -> tuple[int | slice, ...] | None:
    """The slices around `index` along the last two axes; None if the whole array is small enough."""
    if int(np.prod(shape)) <= FULL and (not shape or shape[-1] <= WIDE or len(shape) == 1):
        return None
    around = 2 * AROUND if len(shape) == 1 else AROUND
    leading = len(index) - 2
    return tuple(
        i if axis < leading else slice(max(0, i - around), min(length, i + around + 1))
        for axis, (i, length) in enumerate(zip(index, shape, strict=True))
    )


def _spans(window: tuple[int | slice, ...]) -> str:
    parts = (str(part) if isinstance(part, int) else f"{part.start}:{part.stop}" for part in window)
    return f"[{', '.join(parts)}]"


def show_given(given: Mapping[str, object] | None) -> str:
    """The inputs of a call: numbers and small arrays in few digits, of the others what they are."""
    lines = [_show(plain(name, 40), value) for name, value in list((given or {}).items())[:GIVEN]]
    return "\n".join([f"{INDENT}given", *lines]) if lines else ""


def _show(name: str, value: object) -> str:
    simple = number(value)
    if simple is not None:
        return f"{INDENT}{INDENT}{name} = {simple:.6g}"
    seen = see(value)
    if seen is not None and seen.kind in "fib" and 0 < seen.data.size <= FULL:
        return labelled(f"{name} =", seen.data, indent=2 * INDENT)
    if is_a(value, (bool, str)) or value is None:
        return f"{INDENT}{INDENT}{name} = {plain(repr(value), 60)}"
    return f"{INDENT}{INDENT}{name}: {describe(value)}"
