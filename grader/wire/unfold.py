"""How large a value is for whoever walks through it: what is shared counts each time that it is met.

Fifty lists of twice the list before cross as a few bytes, and would take an eternity to compare or to print.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import Any

import numpy as np

from grader.errors import WireError
from grader.wire.frame import MAX_DATA

VALUE = 256  # bytes that stand for any plain value: two million of them are as much as a frame may hold
DEEPEST = 200  # levels; references reach deeper than a frame
_OPEN = -1  # the weight of a container that we are in


def bounded(values: Iterable[Any]) -> None:
    """Raises: WireError, if one of the values is endless, too deep or too large to be walked through."""
    known: dict[int, int] = {}
    for value in values:
        _weight(value, known, 0)


def _weight(value: Any, known: dict[int, int], depth: int) -> int:
    if isinstance(value, dict):
        parts: Iterable[Any] = chain(value, value.values())
    elif isinstance(value, list | tuple | set | frozenset):
        parts = value
    else:
        return VALUE + (value.nbytes if isinstance(value, np.ndarray) else _bytes(value))
    weight = known.get(id(value))
    if weight is None:
        if depth > DEEPEST:
            raise WireError(f"values are nested more than {DEEPEST} deep")
        known[id(value)] = _OPEN
        weight = VALUE + sum(_weight(part, known, depth + 1) for part in parts)
        known[id(value)] = weight
    if weight == _OPEN:
        raise WireError("a value holds itself")
    if weight > MAX_DATA:
        raise WireError("a value holds others so often that it is too large to unfold")
    return weight


def _bytes(value: Any) -> int:
    if isinstance(value, str | bytes):
        return len(value)
    if hasattr(type(value), "element_size"):  # a tensor
        return int(value.numel() * value.element_size())
    return 0
