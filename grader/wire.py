"""The wire format between checks and a submission: values as JSON text plus raw buffers. Never pickle.

A frame is a header (two lengths), a JSON text and the buffers of its arrays, in the order in which the text names them.
Plain scalars stand for themselves; everything else is a list that begins with a tag. Mutable values (lists, dicts,
sets, arrays, tensors, generators) are numbered as they appear, and a second appearance is a reference to the first:
identity survives the crossing, and an answer can say "argument 3 now holds this".

The decoder accepts exact plain types only and trusts nothing: whatever is not well formed is a `WireError`.
The standard library's JSON is used on purpose: a bare GPU machine has no msgpack.
"""

from __future__ import annotations

import json
import math
import struct
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from grader.errors import WireError

if TYPE_CHECKING:
    import torch

HEAD = struct.Struct("!IQ")
MAX_TEXT = 1 << 24  # bytes of JSON; as Python objects they take some thirty times as much
MAX_DATA = 1 << 29  # bytes of buffers
MAX_DEPTH = 60
SLACK = 8  # levels that the encoding itself adds to a value
MAX_DIMS = 32
MAX_ALIKE = 100  # keys of one dict or set that share a hash: looking them up takes time that grows with the square
MAX_BITS = 4096  # of an int

DTYPES = {code: np.dtype(code) for code in "|b1 |i1 |u1 <i2 <u2 <i4 <u4 <i8 <u8 <f2 <f4 <f8 <c8 <c16".split()}
TENSOR_DTYPES = {
    "bool": 1, "uint8": 1, "int8": 1, "int16": 2, "int32": 4, "int64": 8,
    "float16": 2, "bfloat16": 2, "float32": 4, "float64": 8, "complex64": 8, "complex128": 16,
}  # fmt: skip
TYPES: dict[str, type] = {kind.__name__: kind for kind in (bool, int, float, complex)} | {
    code: dtype.type for code, dtype in DTYPES.items()
}
TYPE_NAMES = {kind: name for name, kind in TYPES.items()}
BIT_GENERATORS = {"PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64"}


class Encoder:
    """Turns values into a tree that JSON can carry, and collects the buffers.

    Args:
        foreign: what to do with a value of no plain type: returns a tagged list such as ["h", 3], or raises.
        table: the mutable values numbered so far; those of a call stay known to its answers.
    """

    def __init__(self, foreign: Callable[[Any], list[Any]], table: list[Any] | None = None) -> None:
        self._foreign = foreign
        self.table: list[Any] = [] if table is None else table
        self._numbers = {id(value): number for number, value in enumerate(self.table)}
        self.buffers: list[bytes] = []

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
        return self._compound(value, depth + 1)

    def content(self, value: Any) -> Any:
        """Encode a numbered value anew, by what it holds now; what it holds may be references."""
        return self._compound(value, 1, new=False)

    def _number(self, value: Any) -> None:
        self._numbers[id(value)] = len(self.table)
        self.table.append(value)

    def _compound(self, value: Any, depth: int, new: bool = True) -> Any:
        match value:
            case np.ndarray():
                return self._array(value, new)
            case np.generic() if value.dtype.str in DTYPES:
                self.buffers.append(np.asarray(value, dtype=_code(value.dtype)).tobytes())
                return ["n", _code(value.dtype)]
            case tuple():
                return ["t", *[self.encode(item, depth) for item in value]]
            case bytes():
                self.buffers.append(value)
                return ["b", len(value)]
            case bool() | int() | float() | str():  # a subclass, such as an IntEnum
                return self.encode(next(base for base in (bool, int, float, str) if isinstance(value, base))(value))
            case complex():
                return ["c", self.encode(value.real), self.encode(value.imag)]
            case slice():
                return ["e", *[self.encode(part, depth) for part in (value.start, value.stop, value.step)]]
            case np.dtype() if value.newbyteorder("<").str in DTYPES:
                return ["y", _code(value)]
            case list() | set() | frozenset() | dict():
                return self._container(value, depth, new)
            case np.random.Generator():
                return self._generator(value, new)
        if value is Ellipsis:
            return ["E"]
        if isinstance(value, type) and value in TYPE_NAMES:  # as in dtype=np.float32
            return ["x", TYPE_NAMES[value]]
        if "torch" in sys.modules and (tensor := self._torch(value, new)) is not None:
            return tensor
        return self._foreign(value)

    def _container(self, value: Any, depth: int, new: bool) -> Any:
        if new and not isinstance(value, frozenset):
            self._number(value)
        if isinstance(value, dict):
            return ["d", *[self.encode(part, depth) for item in value.items() for part in item]]
        tag = "l" if isinstance(value, list) else "z" if isinstance(value, frozenset) else "s"
        return [tag, *[self.encode(item, depth) for item in value]]

    def _array(self, value: np.ndarray[Any, Any], new: bool) -> Any:
        plain = np.asarray(value)
        if plain.dtype.kind not in "biufc" or plain.dtype.str[1:] not in _PLAIN or plain.ndim > MAX_DIMS:
            return self._foreign(value)
        if new:
            self._number(value)
        self.buffers.append(plain.astype(plain.dtype.newbyteorder("<"), copy=False).tobytes())
        return ["a", _code(plain.dtype), list(plain.shape), plain.flags.writeable]

    def _generator(self, value: np.random.Generator, new: bool) -> Any:
        name = type(value.bit_generator).__name__
        if name not in BIT_GENERATORS:
            return self._foreign(value)
        if new:
            self._number(value)
        state = Encoder(self._foreign).nested(value.bit_generator.state, self.buffers)
        return ["g", name, state]

    def nested(self, value: Any, buffers: list[bytes]) -> Any:
        """Encode a value of its own that shares nothing, into the buffers of another."""
        self.buffers = buffers
        return self.encode(value)

    def _torch(self, value: Any, new: bool) -> Any:
        import torch

        if isinstance(value, torch.dtype):
            return ["Y", str(value).removeprefix("torch.")]
        if isinstance(value, torch.Generator):
            if new:
                self._number(value)
            self.buffers.append(value.get_state().numpy().tobytes())
            return ["G", len(self.buffers[-1])]
        if type(value) is not torch.Tensor or value.device.type != "cpu":
            return None
        if new and value.grad_fn is not None:  # a loss to call backward() on; only its content can be told
            return None
        name = str(value.dtype).removeprefix("torch.")
        if name not in TENSOR_DTYPES or value.layout is not torch.strided or value.dim() > MAX_DIMS:
            return None
        if new:
            self._number(value)
        self.buffers.append(tensor_bytes(value))
        return ["T", name, list(value.shape), value.requires_grad]


_PLAIN = {code[1:] for code in DTYPES}


def tensor_bytes(value: torch.Tensor) -> bytes:
    """What a dense tensor in main memory holds, in C order."""
    import torch

    if not value.numel():  # has no strides that could be viewed as bytes
        return b""
    dense = value.detach().resolve_conj().resolve_neg().contiguous()
    return dense.reshape(-1).view(torch.uint8).numpy().tobytes()


def _code(dtype: np.dtype[Any]) -> str:
    return dtype.newbyteorder("<").str


class Decoder:
    """Rebuilds values from a tree and its data; refuses whatever is not well formed.

    Args:
        data: all buffers of the frame, in order.
        resolve: rebuilds what the other side calls foreign: gets (tag, arguments) of a tagged list.
        table: the mutable values numbered so far, as for `Encoder`.
        save_file: puts a read-only data file somewhere and says where, if this side takes any.
    """

    def __init__(
        self,
        data: memoryview,
        resolve: Callable[[str, list[Any]], Any],
        table: list[Any] | None = None,
        save_file: Callable[[str, bytes], Path] | None = None,
    ) -> None:
        self._data, self._at = data, 0
        self._resolve, self._save_file = resolve, save_file
        self.table: list[Any] = [] if table is None else table

    def finish(self) -> None:
        if self._at != len(self._data):
            raise WireError(f"{len(self._data) - self._at} bytes of data belong to no value")

    def decode(self, tree: Any, depth: int = 0) -> Any:
        kind = type(tree)
        if tree is None or kind is bool or kind is str or kind is float:
            return tree
        if kind is int:
            if tree.bit_length() > MAX_BITS:
                raise WireError("an integer is too large")
            return tree
        if kind is not list or not tree or type(tree[0]) is not str or depth > MAX_DEPTH + SLACK:
            raise WireError("a value is malformed or nested too deeply")
        tag, args = tree[0], tree[1:]
        match tag:
            case "a":
                return self._keep(self._array(*self._arity(args, 3)))
            case "t":
                return tuple(self.decode(arg, depth + 1) for arg in args)
            case "l" | "s" | "d":
                return self._container(tag, args, depth + 1)
            case "z":
                return frozenset(self._keys([self.decode(arg, depth + 1) for arg in args]))
            case "f":
                return self._float(*self._arity(args, 1))
            case "r":
                return self._reference(*self._arity(args, 1))
            case "n":
                (code,) = self._arity(args, 1)
                return self._array(code, [], True)[()]
            case "b":
                return bytes(self._take(*self._arity(args, 1)))
            case "c":
                real, imag = (self.decode(arg, depth + 1) for arg in self._arity(args, 2))
                if type(real) is not float or type(imag) is not float:
                    raise WireError("a complex number is malformed")
                return complex(real, imag)
            case "e":
                return slice(*(self.decode(arg, depth + 1) for arg in self._arity(args, 3)))
            case "E":
                return Ellipsis
            case "y":
                return self._dtype(*self._arity(args, 1))
            case "x":
                return self._type(*self._arity(args, 1))
            case "g":
                return self._keep(self._generator(self._arity(args, 2), depth + 1))
            case "p":
                return self._file(*self._arity(args, 2))
            case "T":
                return self._keep(self._tensor(*self._arity(args, 3)))
            case "Y":
                return self._torch_dtype(*self._arity(args, 1))
            case "G":
                return self._keep(self._torch_generator(*self._arity(args, 1)))
        return self._resolve(tag, args)

    def replace(self, number: Any, tree: Any) -> None:
        """Give a numbered value the content that the other side says it has now, in place."""
        if type(number) is not int or not 0 <= number < len(self.table) or type(tree) is not list or not tree:
            raise WireError("a change names no argument")
        old = self.table[number]
        new = self._bare(tree)
        if type(new) is not type(old) and not (isinstance(old, np.ndarray) and type(new) is np.ndarray):
            raise WireError(f"a change turns a {type(old).__name__} into a {type(new).__name__}")
        _overwrite(old, new)

    def _bare(self, tree: list[Any]) -> Any:
        """Decode a value without numbering it; its parts are numbered as usual."""
        match tree[0]:
            case "l":
                return [self.decode(arg, 1) for arg in tree[1:]]
            case "s":
                return set(self._keys([self.decode(arg, 1) for arg in tree[1:]]))
            case "d":
                return self._pairs(tree[1:], 1)
            case "a":
                return self._array(*self._arity(tree[1:], 3))
            case "g":
                return self._generator(self._arity(tree[1:], 2), 1)
            case "T":
                return self._tensor(*self._arity(tree[1:], 3))
            case "G":
                return self._torch_generator(*self._arity(tree[1:], 1))
        raise WireError("a change holds a value that cannot change")

    def _arity(self, args: list[Any], n: int) -> list[Any]:
        if len(args) != n:
            raise WireError("a value has too many or too few parts")
        return args

    def _keep(self, value: Any) -> Any:
        self.table.append(value)
        return value

    def _take(self, n: Any) -> memoryview:
        if type(n) is not int or not 0 <= n <= len(self._data) - self._at:
            raise WireError("a value claims more data than the frame has")
        self._at += n
        return self._data[self._at - n : self._at]

    def _keys(self, values: list[Any]) -> list[Any]:
        """Values that are to be told apart by their hash."""
        try:
            hashes = [hash(value) for value in values]
        except TypeError:
            raise WireError("a value that has no hash cannot be a key") from None
        if len(values) > MAX_ALIKE and max(Counter(hashes).values()) > MAX_ALIKE:
            raise WireError(f"more than {MAX_ALIKE} keys have the same hash")
        return values

    def _container(self, tag: str, args: list[Any], depth: int) -> Any:
        if tag == "l":
            items: list[Any] = self._keep([])
            items.extend(self.decode(arg, depth) for arg in args)
            return items
        if tag == "s":
            members: set[Any] = self._keep(set())
            members.update(self._keys([self.decode(arg, depth) for arg in args]))
            return members
        pairs: dict[Any, Any] = self._keep({})
        pairs.update(self._pairs(args, depth))
        return pairs

    def _pairs(self, args: list[Any], depth: int) -> dict[Any, Any]:
        if len(args) % 2:
            raise WireError("a dict has a key without a value")
        parts = [self.decode(arg, depth) for arg in args]
        return dict(zip(self._keys(parts[::2]), parts[1::2], strict=True))

    def _float(self, text: Any) -> float:
        if text not in ("nan", "inf", "-inf"):
            raise WireError("a float is malformed")
        return float(text)

    def _reference(self, number: Any) -> Any:
        if type(number) is not int or not 0 <= number < len(self.table):
            raise WireError("a reference names no value")
        return self.table[number]

    def _dtype(self, code: Any) -> np.dtype[Any]:
        if type(code) is not str or code not in DTYPES:
            raise WireError("a dtype is not one of the plain ones")
        return DTYPES[code]

    def _type(self, name: Any) -> type:
        if type(name) is not str or name not in TYPES:
            raise WireError("a type is not one of the plain ones")
        return TYPES[name]

    def _shape(self, shape: Any, itemsize: int) -> tuple[list[int], int]:
        if (
            type(shape) is not list
            or len(shape) > MAX_DIMS
            or not all(type(n) is int and 0 <= n < 1 << 40 for n in shape)
        ):
            raise WireError("a shape is malformed")
        if math.prod(n for n in shape if n) * itemsize > MAX_DATA:  # an empty array may have no endless sides either
            raise WireError("a shape is too large")
        return shape, math.prod(shape) * itemsize

    def _array(self, code: Any, shape: Any, writeable: Any) -> np.ndarray[Any, Any]:
        dtype = self._dtype(code)
        shape, size = self._shape(shape, dtype.itemsize)
        if type(writeable) is not bool:
            raise WireError("an array is malformed")
        raw = self._take(size)
        array: np.ndarray[Any, Any]
        if dtype.kind == "b":  # a bool whose byte is neither 0 nor 1 is undefined behaviour
            array = (np.frombuffer(raw, dtype=np.uint8) != 0).reshape(shape)
        else:
            array = np.frombuffer(raw, dtype=dtype).reshape(shape).copy()
        if not writeable:
            array.flags.writeable = False
        return array

    def _generator(self, args: list[Any], depth: int) -> np.random.Generator:
        name, state = args
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

    def _file(self, name: Any, size: Any) -> Path:
        if self._save_file is None or type(name) is not str:
            raise WireError("no file is expected here")
        return self._save_file(name, bytes(self._take(size)))

    def _tensor(self, name: Any, shape: Any, requires_grad: Any) -> torch.Tensor:
        import torch

        if type(name) is not str or name not in TENSOR_DTYPES or type(requires_grad) is not bool:
            raise WireError("a tensor is malformed")
        shape, size = self._shape(shape, TENSOR_DTYPES[name])
        raw = (
            torch.frombuffer(bytearray(self._take(size)), dtype=torch.uint8)
            if size
            else torch.empty(0, dtype=torch.uint8)
        )
        if name == "bool":
            raw = (raw != 0).view(torch.uint8)
        tensor = raw.view(getattr(torch, name)).reshape(shape)
        try:
            return tensor.requires_grad_(requires_grad)
        except RuntimeError:
            raise WireError(f"a tensor of dtype {name} cannot require a gradient") from None

    def _torch_dtype(self, name: Any) -> Any:
        import torch

        if type(name) is not str or name not in TENSOR_DTYPES:
            raise WireError("a torch dtype is not one of the plain ones")
        return getattr(torch, name)

    def _torch_generator(self, size: Any) -> Any:
        import torch

        generator = torch.Generator()
        try:
            generator.set_state(torch.frombuffer(bytearray(self._take(size)), dtype=torch.uint8))
        except (RuntimeError, TypeError, ValueError):
            raise WireError("the state of a random generator is malformed") from None
        return generator


def _no_foreign(tag: str, args: list[Any]) -> Any:
    raise WireError("only plain values are allowed here")


def _overwrite(old: Any, new: Any) -> None:
    """Give a mutable value the content of another of its type."""
    match old:
        case list():
            old[:] = new
        case set():
            old.clear()
            old |= new
        case dict():
            old.clear()
            old.update(new)
        case np.ndarray():
            if old.shape != new.shape or old.dtype != new.dtype or not old.flags.writeable:
                raise WireError("a change alters the shape or dtype of an array, or one that is read-only")
            old[...] = new
        case np.random.Generator():
            if type(old.bit_generator) is not type(new.bit_generator):
                raise WireError("a change alters the kind of a random generator")
            old.bit_generator.state = new.bit_generator.state
        case _:
            _overwrite_torch(old, new)


def _overwrite_torch(old: Any, new: Any) -> None:
    import torch

    if isinstance(old, torch.Generator):
        old.set_state(new.get_state())
        return
    if old.shape != new.shape or old.dtype != new.dtype:
        raise WireError("a change alters the shape or dtype of a tensor")
    with torch.no_grad():
        old.copy_(new)


def _refuse(constant: str) -> Any:
    raise ValueError(constant)


_WRITER = json.JSONEncoder(allow_nan=False, check_circular=False, separators=(",", ":"))
_READER = json.JSONDecoder(parse_constant=_refuse)


def pack(tree: Any, buffers: list[bytes]) -> list[bytes]:
    """The parts of a frame, ready to be written one after the other."""
    text = _WRITER.encode(tree).encode()
    size = sum(map(len, buffers))
    if len(text) > MAX_TEXT or size > MAX_DATA:
        raise WireError(f"a message of {len(text) + size:,} bytes is too large to carry")
    return [HEAD.pack(len(text), size) + text, *buffers]


def sizes(head: bytes | bytearray) -> tuple[int, int]:
    """The lengths (text, data) that a header announces."""
    n_text, n_data = HEAD.unpack(head)
    if n_text > MAX_TEXT or n_data > MAX_DATA:
        raise WireError(f"a frame announces {n_text + n_data:,} bytes, which is too large")
    return n_text, n_data


def parse(text: bytes | bytearray | memoryview) -> Any:
    """The tree of a frame's text."""
    try:
        return _READER.decode(str(text, "ascii"))
    except (ValueError, RecursionError):
        raise WireError("a frame's text is no JSON that is allowed here") from None
