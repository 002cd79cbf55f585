"""Values on their way out."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from grader.errors import WireError
from grader.wire.frame import ALIGN, LARGE, Buffer
from grader.wire.plain import BIT_GENERATORS, CODES, MAX_BITS, MAX_DEPTH, MAX_DIMS, TYPE_NAMES
from grader.wire.tensors import array_buffer, describe


class Encoder:
    """Turns values into a tree that JSON can carry, and collects the buffers.

    Args:
        foreign: what to do with a value of no plain type: returns a tagged list such as ["h", 3], or raises.
        table: the mutable values numbered so far; those of a call stay known to its answers.
        refer: names a value that the other side has already, as ["q", answer, ...]; None for any other value.

    Attributes:
        torn: whether one mutable value crosses as a part of two answers, or of an answer and by itself: what is one
            here would be two there.
    """

    __slots__ = ("_adopted", "_foreign", "_numbers", "_refer", "buffers", "size", "table", "torn")

    def __init__(
        self,
        foreign: Callable[[Any], list[Any]],
        table: list[Any] | None = None,
        refer: Callable[[Any], list[Any] | None] | None = None,
    ) -> None:
        self._foreign, self._refer = foreign, refer
        self._adopted: dict[int, dict[int, int]] = {}  # numbers of the parts of each answer
        self.torn = False
        self.table: list[Any] = [] if table is None else table
        self._numbers = {id(value): number for number, value in enumerate(self.table)} if self.table else {}
        self.buffers: list[Buffer] = []
        self.size = 0  # bytes of all buffers

    def encode(self, value: Any, depth: int = 0) -> Any:
        kind = type(value)
        if value is None or kind is bool or kind is str:
            return value
        if kind is int:
            if value.bit_length() > MAX_BITS:
                raise WireError(f"an integer of {value.bit_length()} bits is too large to carry (at most {MAX_BITS})")
            return value
        if kind is float:
            return value if math.isfinite(value) else ["f", repr(value)]
        if depth > MAX_DEPTH:
            raise WireError(f"values nested more than {MAX_DEPTH} deep cannot be carried")
        number = self._numbers.get(id(value))
        if number is not None:
            return ["r", number]
        if self._refer is not None and (known := self._refer(value)) is not None:
            self.adopt(value, self._adopted.setdefault(known[1], {}))
            return known
        return _WAYS.get(kind, Encoder._other)(self, value, depth + 1, True)

    def content(self, value: Any) -> Any:
        """Encode a numbered value anew, by what it holds now; what it holds may be references."""
        return _WAYS.get(type(value), Encoder._other)(self, value, 1, False)

    def adopt(self, value: Any, apart: dict[int, int] | None = None) -> None:
        """Number the mutable parts of a value that does not cross, because the other side has it, as if it did.

        Args:
            apart: numbers by identity of what the value may share parts with; None for all.
        """
        refer, self._refer, numbers = self._refer, None, self._numbers
        self._numbers = numbers if apart is None else apart
        count, size = len(self.buffers), self.size
        self.encode(value)
        del self.buffers[count:]
        for identity, number in self._numbers.items():
            self.torn |= numbers.setdefault(identity, number) != number
        self._refer, self._numbers, self.size = refer, numbers, size

    def put(self, buffer: Buffer) -> None:
        """Add a buffer of the value that is being encoded."""
        size = len(buffer)
        if size >= LARGE and self.size % ALIGN:
            gap = -self.size % ALIGN
            self.buffers.append(bytes(gap))
            self.size += gap
        self.buffers.append(buffer)
        self.size += size

    def _number(self, value: Any) -> None:
        self._numbers[id(value)] = len(self.table)
        self.table.append(value)

    def _array(self, value: np.ndarray[Any, Any], depth: int, new: bool) -> Any:
        plain = value if type(value) is np.ndarray else np.asarray(value)
        code, writeable = CODES.get(plain.dtype), plain.flags.writeable
        if code is None and (code := CODES.get(plain.dtype.newbyteorder("<"))):
            plain = plain.astype(code)
        if code is None or plain.ndim > MAX_DIMS:
            return self._foreign(value)
        if new:
            self._number(value)
        self.put(array_buffer(plain))
        return ["a", code, list(plain.shape), writeable]

    def _scalar(self, value: np.generic, depth: int, new: bool) -> Any:
        self.put(value.tobytes())
        return ["n", CODES[value.dtype]]

    def _tuple(self, value: tuple[Any, ...], depth: int, new: bool) -> Any:
        return ["t", *[self.encode(item, depth) for item in value]]

    def _bytes(self, value: bytes, depth: int, new: bool) -> Any:
        self.put(value)
        return ["b", len(value)]

    def _complex(self, value: complex, depth: int, new: bool) -> Any:
        return ["c", self.encode(value.real), self.encode(value.imag)]

    def _slice(self, value: slice, depth: int, new: bool) -> Any:
        return ["e", *[self.encode(part, depth) for part in (value.start, value.stop, value.step)]]

    def _list(self, value: list[Any], depth: int, new: bool) -> Any:
        if new:
            self._number(value)
        return ["l", *[self.encode(item, depth) for item in value]]

    def _set(self, value: set[Any], depth: int, new: bool) -> Any:
        if new:
            self._number(value)
        return ["s", *[self.encode(item, depth) for item in value]]

    def _frozenset(self, value: frozenset[Any], depth: int, new: bool) -> Any:
        return ["z", *[self.encode(item, depth) for item in value]]

    def _dict(self, value: dict[Any, Any], depth: int, new: bool) -> Any:
        if new:
            self._number(value)
        return ["d", *[self.encode(part, depth) for item in value.items() for part in item]]

    def _generator(self, value: np.random.Generator, depth: int, new: bool) -> Any:
        name = type(value.bit_generator).__name__
        if name not in BIT_GENERATORS:
            return self._foreign(value)
        if new:
            self._number(value)
        state = Encoder(self._foreign)  # shares nothing: the other side does not keep its parts
        tree = ["g", name, state.encode(value.bit_generator.state)]
        for buffer in state.buffers:
            self.put(buffer)
        return tree

    def _ellipsis(self, value: Any, depth: int, new: bool) -> Any:
        return ["E"]

    def _other(self, value: Any, depth: int, new: bool) -> Any:
        """A value of a less common type, or of a subclass of a plain one."""
        if isinstance(value, np.generic) and not isinstance(value, str | bytes):
            return self._scalar(value, depth, new) if value.dtype in CODES else self._foreign(value)
        if isinstance(value, int | float | str):  # such as an IntEnum
            return self.encode(next(base for base in (bool, int, float, str) if isinstance(value, base))(value))
        for kind in _FAMILIES:
            if isinstance(value, kind):
                return _WAYS[kind](self, value, depth, new)
        if isinstance(value, np.dtype) and (code := CODES.get(value.newbyteorder("<"))):
            return ["y", code]
        if isinstance(value, type) and value in TYPE_NAMES:  # as in dtype=np.float32
            return ["x", TYPE_NAMES[value]]
        return self._torch(value, new)

    def _torch(self, value: Any, new: bool) -> Any:
        found = describe(value, new)
        if found is None:
            return self._foreign(value)
        tree, buffer = found
        if buffer is not None:
            if new:
                self._number(value)
            self.put(buffer)
        return tree


_WAYS: dict[type, Callable[[Encoder, Any, int, bool], Any]] = {
    np.ndarray: Encoder._array,
    tuple: Encoder._tuple,
    list: Encoder._list,
    dict: Encoder._dict,
    set: Encoder._set,
    frozenset: Encoder._frozenset,
    bytes: Encoder._bytes,
    complex: Encoder._complex,
    slice: Encoder._slice,
    np.random.Generator: Encoder._generator,
    type(...): Encoder._ellipsis,
}
_FAMILIES = [kind for kind in _WAYS if kind not in (slice, type(...))]  # of which there are subclasses
_WAYS |= {dtype.type: Encoder._scalar for dtype in CODES}
