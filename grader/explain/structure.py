"""What is around arrays: tuples, lists, dicts, and inputs that must stay as they are."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from grader.explain.message import fail, got
from grader.explain.unknown import is_unknown
from grader.explain.values import FloatArray, describe, is_a, is_tensor, keys_of, number, see

ITS = "its argument"
PLAIN = (bool, int, float, str, bytes)


def unpack(value: object, parts: int | Sequence[str], *, what: str) -> tuple[Any, ...]:
    """The values of a tuple or list of so many parts: `loss, dW, db = unpack(value, ("loss", "dW", "db"), what=…)`."""
    __tracebackhide__ = True
    count = parts if isinstance(parts, int) else len(parts)
    names = "" if isinstance(parts, int) else f": ({', '.join(parts)})"
    if not is_a(value, (tuple, list)) or len(value) != count:  # type: ignore[arg-type]
        fail(f"{got(what, value)}; expected {count} values{names}.")
    return tuple(value)  # type: ignore[arg-type]


def assert_list(value: object, *, what: str, length: int | None = None) -> list[Any]:
    """A list (or tuple), of this length if one is given; returned as a list."""
    __tracebackhide__ = True
    if not is_a(value, (tuple, list)):
        fail(f"{got(what, value)}; expected a list.")
    items: list[Any] = list(value)  # type: ignore[call-overload]
    if length is not None and len(items) != length:
        fail(f"{what} has {len(items)} entries; expected {length}.")
    return items


def numbers(value: object, *, what: str, length: int | None = None) -> FloatArray:
    """A list of numbers, as a history holds them, as a float64 vector."""
    __tracebackhide__ = True
    items = assert_list(value, what=what, length=length)
    for i, item in enumerate(items):
        if number(item) is None:
            fail(f"{what}[{i}] is {describe(item)}; expected a number.")
    return np.array([number(item) for item in items], dtype=np.float64)


def assert_dict(value: object, keys: Collection[str], *, what: str, exactly: bool = False) -> dict[str, Any]:
    """A dict that has these keys (and, if `exactly`, no others); returned."""
    __tracebackhide__ = True
    wanted = ", ".join(repr(key) for key in keys)
    if not is_a(value, dict):
        fail(f"{got(what, value)}; expected a dict with the keys {wanted}.")
    found: dict[Any, Any] = value  # type: ignore[assignment]
    names = {key for key in found if type(key) is str}
    if missing := [key for key in keys if key not in names]:
        fail(f"{what} lacks {', '.join(repr(key) for key in missing)}; it has {keys_of(found) or 'no keys'}.")
    if exactly and (extra := {key: 0 for key in found if type(key) is not str or key not in keys}):
        fail(f"{what} has {keys_of(extra)} beside what is expected: {wanted}.")
    return found


def assert_unchanged(before: object, after: object, *, what: str, name: str = ITS) -> None:
    """An input is as it was; `before` is a copy made before the call. Dicts and lists are compared value by value.

    what: the call, "softmax(S)"; name: the argument, "S".
    """
    __tracebackhide__ = True
    if is_unknown(before) and before is after:
        return
    if isinstance(before, (Mapping, list, tuple)):
        if type(before) is not type(after):
            fail(f"{what} changed {name} in place; inputs must stay as they are.")
        _items_unchanged(_items(before), _items(after), what, name)
        return
    left, right = see(before), see(after)
    if left is None or right is None:
        if not (before is None or is_a(before, PLAIN)):
            raise TypeError(f"{what}: cannot tell whether {describe(before)} was changed")
        if type(before) is not type(after) or before != after:
            fail(f"{what} changed {name} in place; inputs must stay as they are.")
        return
    same_kind = left.dtype == right.dtype and left.shape == right.shape
    if same_kind and np.array_equal(left.data, right.data, equal_nan=left.kind == "f"):
        return
    where = ""
    if same_kind:
        index = tuple(int(i) for i in np.argwhere(left.data != right.data)[0])
        where = f" {name}{list(index) if index else ''} was {left.data[index]:.4g} and is now {right.data[index]:.4g}."
    fail(
        f"{what} changed {name} in place; inputs must stay as they are.{where}",
        f"  Beware of +=, -=, *= and of writing to {name}[...]: work on a copy ({name}.copy()) or make a new array.",
    )


def _items(value: Any) -> dict[Any, Any]:
    return dict(value) if isinstance(value, Mapping) else dict(enumerate(value))


def _items_unchanged(before: dict[Any, Any], after: dict[Any, Any], what: str, name: str) -> None:
    __tracebackhide__ = True
    for key in before:
        inner = str(key) if name == ITS else f"{name}[{key!r}]"
        if key not in after:
            fail(f"{what} removed {inner}; inputs must stay as they are.")
        assert_unchanged(before[key], after[key], what=what, name=inner)
    if extra := {key: 0 for key in after if key not in before}:
        fail(f"{what} added {keys_of(extra)} to {name}; inputs must stay as they are.")


@contextlib.contextmanager
def unchanged(what: str, /, **inputs: object) -> Iterator[None]:
    """`with unchanged("softmax(S)", S=S): P = hw.softmax(S)` fails if S is another after the block."""
    __tracebackhide__ = True
    before = {name: _copy(value) for name, value in inputs.items()}
    yield
    assert_unchanged(before, inputs, what=what)


def _copy(value: Any) -> Any:
    if is_unknown(value):
        return value
    if is_a(value, np.ndarray):
        return value.copy()
    if is_tensor(value):
        return value.detach().clone()
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    return type(value)(_copy(item) for item in value) if type(value) in (list, tuple) else value
