"""Values on their way in, from a side that may say anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from grader.errors import WireError
from grader.wire import tensors
from grader.wire.change import overwrite
from grader.wire.frame import ALIGN, LARGE, MAX_DATA
from grader.wire.plain import (
    BIT_GENERATORS,
    DTYPES,
    MAX_ALIKE,
    MAX_BITS,
    MAX_DEPTH,
    MAX_DIMS,
    SLACK,
    TENSOR_DTYPES,
    TYPES,
)

if TYPE_CHECKING:
    import torch

DEEPEST = MAX_DEPTH + SLACK
LONGEST = 1 << 40  # side of an array


class Decoder:
    """Rebuilds values from a tree and its data; refuses whatever is not well formed.

    Args:
        data: all buffers of the frame, in order; large arrays are views of it where it can be written to.
        resolve: rebuilds what the other side calls foreign: gets (tag, arguments) of a tagged list.
        table: the mutable values numbered so far, as for `Encoder`.
        save_file: puts a read-only data file somewhere and says where, if this side takes any.

    Attributes:
        referred: whether something that was decoded is shared (see `grader.wire.unfold`).
    """

    __slots__ = ("_at", "_data", "_resolve", "_save_file", "referred", "table")

    def __init__(
        self,
        data: memoryview,
        resolve: Callable[[str, list[Any]], Any],
        table: list[Any] | None = None,
        save_file: Callable[[str, bytes], Path] | None = None,
    ) -> None:
        self._data, self._at, self.referred = data, 0, False
        self._resolve, self._save_file = resolve, save_file
        self.table: list[Any] = [] if table is None else table

    def finish(self) -> None:
        if self._at != len(self._data):
            raise WireError(f"{len(self._data) - self._at} bytes of data belong to no value")

    def decode(self, tree: Any, depth: int = 0) -> Any:
        kind = type(tree)
        if tree is None or kind is str or kind is bool or kind is float:
            return tree
        if kind is int:
            if tree.bit_length() > MAX_BITS:
                raise WireError("an integer is too large")
            return tree
        if kind is not list or not tree or type(tree[0]) is not str or depth > DEEPEST:
            raise WireError("a value is malformed or nested too deeply")
        way = _WAYS.get(tree[0])
        if way is None:
            return self._resolve(tree[0], tree[1:])
        return way(self, tree, depth + 1)

    def replace(self, number: Any, tree: Any) -> None:
        """Give a numbered value the content that the other side says it has now, in place."""
        if type(number) is not int or not 0 <= number < len(self.table) or type(tree) is not list or not tree:
            raise WireError("a change names no argument")
        old = self.table[number]
        new = self._content(tree)
        if type(new) is not type(old) and not (isinstance(old, np.ndarray) and type(new) is np.ndarray):
            raise WireError(f"a change turns a {type(old).__name__} into a {type(new).__name__}")
        overwrite(old, new)

    def _content(self, tree: list[Any]) -> Any:
        """Decode what a mutable value holds, without numbering it; its parts are numbered as usual."""
        match tree[0]:
            case "a":
                code, shape, writeable = _parts(tree, 3)
                return self._array(code, shape, writeable, own=False)
            case "l":
                return self._items(tree, 1)
            case "s":
                return set(_keys(self._items(tree, 1)))
            case "d":
                return self._pairs(tree, 1)
            case "g":
                return self._generator(tree, 1)
            case "T":
                return self._tensor(*_parts(tree, 3))
            case "G":
                return tensors.torch_generator(self._take(*_parts(tree, 1)))
        raise WireError("a change holds a value that cannot change")

    def _keep(self, value: Any) -> Any:
        self.table.append(value)
        return value

    def _take(self, n: Any) -> memoryview:
        """The next buffer of the frame, of n bytes."""
        if type(n) is not int:
            raise WireError("a size is no whole number")
        at = self._at
        if n >= LARGE:
            at += -at % ALIGN
        if not 0 <= n <= len(self._data) - at:
            raise WireError("a value claims more data than the frame has")
        self._at = at + n
        return self._data[at : self._at]

    def _items(self, tree: list[Any], depth: int) -> list[Any]:
        return [self.decode(tree[place], depth) for place in range(1, len(tree))]

    def _pairs(self, tree: list[Any], depth: int) -> dict[Any, Any]:
        if not len(tree) % 2:
            raise WireError("a dict has a key without a value")
        parts = self._items(tree, depth)
        return dict(zip(_keys(parts[::2]), parts[1::2], strict=True))

    def _list(self, tree: list[Any], depth: int) -> list[Any]:
        items: list[Any] = self._keep([])
        items += self._items(tree, depth)
        return items

    def _set(self, tree: list[Any], depth: int) -> set[Any]:
        members: set[Any] = self._keep(set())
        members.update(_keys(self._items(tree, depth)))
        return members

    def _dict(self, tree: list[Any], depth: int) -> dict[Any, Any]:
        pairs: dict[Any, Any] = self._keep({})
        pairs.update(self._pairs(tree, depth))
        return pairs

    def _reference(self, tree: list[Any], depth: int) -> Any:
        (number,) = _parts(tree, 1)
        if type(number) is not int or not 0 <= number < len(self.table):
            raise WireError("a reference names no value")
        self.referred = True
        return self.table[number]

    def _array(self, code: Any, shape: Any, writeable: Any, own: bool = True) -> np.ndarray[Any, Any]:
        """An array; `own` says whether it may outlive the frame, and be written to."""
        dtype = _dtype(code)
        raw = self._take(_size(shape, dtype.itemsize))
        if type(writeable) is not bool:
            raise WireError("an array is malformed")
        array: np.ndarray[Any, Any]
        if dtype.kind == "b":  # a bool whose byte is neither 0 nor 1 is undefined behaviour
            array = (np.frombuffer(raw, dtype=np.uint8) != 0).reshape(shape)
        else:
            array = np.ndarray(shape, dtype, raw)
            if own and (len(raw) < LARGE or raw.readonly):
                array = array.copy()
        if not writeable:
            array.flags.writeable = False
        return array

    def _new_array(self, tree: list[Any], depth: int) -> np.ndarray[Any, Any]:
        if len(tree) != 4:
            raise WireError("a value has too many or too few parts")
        array = self._array(tree[1], tree[2], tree[3])
        self.table.append(array)
        return array

    def _scalar(self, tree: list[Any], depth: int) -> Any:
        (code,) = _parts(tree, 1)
        return self._array(code, [], True)[()]

    def _complex(self, tree: list[Any], depth: int) -> complex:
        real, imag = (self.decode(part, depth) for part in _parts(tree, 2))
        if type(real) is not float or type(imag) is not float:
            raise WireError("a complex number is malformed")
        return complex(real, imag)

    def _tensor(self, name: Any, shape: Any, requires_grad: Any) -> torch.Tensor:
        if type(name) is not str or name not in TENSOR_DTYPES or type(requires_grad) is not bool:
            raise WireError("a tensor is malformed")
        raw = self._take(_size(shape, TENSOR_DTYPES[name]))
        return tensors.tensor(name, shape, requires_grad, raw)

    def _generator(self, tree: list[Any], depth: int) -> np.random.Generator:
        name, state = _parts(tree, 2)
        if type(name) is not str or name not in BIT_GENERATORS:
            raise WireError("a random generator is of no known kind")
        inner = Decoder(self._data, _no_foreign)
        inner._at = self._at
        content = inner.decode(state, depth)
        self._at = inner._at
        bits = getattr(np.random, name)(0)
        try:
            # NumPy takes positions as they come, and would read outside of its buffers.
            if name == "MT19937" and not 0 <= content["state"]["pos"] <= 624:
                raise ValueError
            if name == "Philox" and not 0 <= content["buffer_pos"] <= 4:
                raise ValueError
            bits.state = content
        except (TypeError, ValueError, LookupError, OverflowError, AttributeError):
            raise WireError("the state of a random generator is malformed") from None
        return np.random.Generator(bits)

    def _file(self, tree: list[Any], depth: int) -> Path:
        name, size = _parts(tree, 2)
        if self._save_file is None or type(name) is not str:
            raise WireError("no file is expected here")
        return self._save_file(name, bytes(self._take(size)))


def _parts(tree: list[Any], n: int) -> list[Any]:
    if len(tree) != n + 1:
        raise WireError("a value has too many or too few parts")
    return tree[1:]


def _keys(values: list[Any]) -> list[Any]:
    """Values that are to be told apart by their hash."""
    try:
        hashes = [hash(value) for value in values]
    except TypeError:
        raise WireError("a value that has no hash cannot be a key") from None
    if len(values) > MAX_ALIKE and max(Counter(hashes).values()) > MAX_ALIKE:
        raise WireError(f"more than {MAX_ALIKE} keys have the same hash")
    return values


def _float(text: Any) -> float:
    if text not in ("nan", "inf", "-inf"):
        raise WireError("a float is malformed")
    return float(text)


def _dtype(code: Any) -> np.dtype[Any]:
    if type(code) is not str or code not in DTYPES:
        raise WireError("a dtype is not one of the plain ones")
    return DTYPES[code]


def _type(name: Any) -> type:
    if type(name) is not str or name not in TYPES:
        raise WireError("a type is not one of the plain ones")
    return TYPES[name]


def _size(shape: Any, itemsize: int) -> int:
    """The bytes of an array."""
    if type(shape) is not list or len(shape) > MAX_DIMS:
        raise WireError("a shape is malformed")
    size = bound = itemsize
    for side in shape:
        if type(side) is not int or not 0 <= side < LONGEST:
            raise WireError("a shape is malformed")
        size *= side
        bound *= side or 1  # an empty array may have no endless sides either
    if bound > MAX_DATA:
        raise WireError("a shape is too large")
    return size


def _no_foreign(tag: str, args: list[Any]) -> Any:
    raise WireError("only plain values are allowed here")


_WAYS: dict[str, Callable[[Decoder, list[Any], int], Any]] = {
    "a": Decoder._new_array,
    "t": lambda self, tree, depth: tuple(self._items(tree, depth)),
    "l": Decoder._list,
    "d": Decoder._dict,
    "s": Decoder._set,
    "z": lambda self, tree, depth: frozenset(_keys(self._items(tree, depth))),
    "f": lambda self, tree, depth: _float(*_parts(tree, 1)),
    "r": Decoder._reference,
    "n": Decoder._scalar,
    "b": lambda self, tree, depth: bytes(self._take(*_parts(tree, 1))),
    "c": Decoder._complex,
    "e": lambda self, tree, depth: slice(*[self.decode(part, depth) for part in _parts(tree, 3)]),
    "E": lambda self, tree, depth: Ellipsis,
    "y": lambda self, tree, depth: _dtype(*_parts(tree, 1)),
    "x": lambda self, tree, depth: _type(*_parts(tree, 1)),
    "g": lambda self, tree, depth: self._keep(self._generator(tree, depth)),
    "p": Decoder._file,
    "T": lambda self, tree, depth: self._keep(self._tensor(*_parts(tree, 3))),
    "Y": lambda self, tree, depth: tensors.torch_dtype(*_parts(tree, 1)),
    "G": lambda self, tree, depth: self._keep(tensors.torch_generator(self._take(*_parts(tree, 1)))),
}
