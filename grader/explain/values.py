"""What a value from a submission is, found without calling anything of its own.

A check cannot know what it gets back: an array, or an object whose `==`, `bool()` or `__array__` is the student's code.
Only NumPy arrays and scalars, torch tensors and the plain Python types are looked into; of anything else only the name
of its type is read.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grader.explain.unknown import Unknown, escape
from grader.text import plain

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Seen:
    """A numeric array, whoever made it."""

    library: str  # "NumPy" or "torch"
    dtype: str  # "float32", "bfloat16", "int64", …
    data: NDArray[Any]  # float64 for floats, otherwise as it came

    @property
    def shape(self) -> tuple[int, ...]:
        return self.data.shape

    @property
    def kind(self) -> str:
        """NumPy's letter: f float, i integer (signed or not), b bool; the rest cannot be compared."""
        return "i" if self.data.dtype.kind == "u" else self.data.dtype.kind


def is_a(value: object, kind: type | tuple[type, ...]) -> bool:
    """As isinstance, but deaf to an object that lies about its `__class__`."""
    if type(value) is Unknown:
        escape()
    return issubclass(type(value), kind)


def is_tensor(value: object) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and is_a(value, torch.Tensor)


def see(value: object) -> Seen | None:
    """The array behind an ndarray, a NumPy scalar or a strided tensor; None for anything else."""
    if is_a(value, np.ndarray):
        array: NDArray[Any] = np.ndarray.view(value, np.ndarray)  # type: ignore[call-overload]
        name = _name(array.dtype)
        if array.dtype.kind == "f" and name != "float64":
            array = array.astype(np.float64)
        return Seen("NumPy", name, array)
    if is_a(value, np.generic):
        return see(np.asarray(value))
    if is_tensor(value):
        return _see_tensor(value)
    return None


def _see_tensor(value: Any) -> Seen | None:
    torch = sys.modules["torch"]
    if value.layout != torch.strided:
        return None
    tensor = value.detach().cpu().resolve_conj().resolve_neg()
    name = dtype_name(tensor.dtype)
    return Seen("torch", name, (tensor.double() if tensor.is_floating_point() else tensor).numpy())


@cache
def _name(dtype: np.dtype[Any]) -> str:
    """NumPy makes it anew each time, which takes longer than most comparisons."""
    return dtype.name


def dtype_name(dtype: object) -> str:
    """ "float32" of np.float32, np.dtype("float32"), torch.float32 or "float32"; also "bfloat16", which NumPy lacks."""
    if isinstance(dtype, str) and dtype == "bfloat16":
        return dtype
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(dtype, torch.dtype):
        return str(dtype).removeprefix("torch.")
    return _name(np.dtype(dtype))  # type: ignore[call-overload]


def number(value: object) -> float | int | None:
    """The number behind an int, a float, a NumPy scalar, a 0-d array or tensor; None for anything else, bools too."""
    if is_a(value, bool):
        return None
    if is_a(value, (int, float)) and not is_a(value, np.generic):
        return int.__int__(value) if is_a(value, int) else float.__float__(value)  # type: ignore[arg-type]
    seen = see(value)
    if seen is None or seen.shape != () or seen.kind not in "fi":
        return None
    return seen.data.item()  # type: ignore[no-any-return]


def describe(value: object) -> str:
    """What a value is, in words for a student: "None", "a generator", "a NumPy array of shape (3,) and dtype int64"."""
    if value is None:
        return "None"
    if is_a(value, (np.ndarray, np.generic)) or is_tensor(value):
        return _describe_array(value)
    if is_a(value, (bool, int, float)):
        return f"the {type_name(value)} {_digits(value)}"
    if is_a(value, str):
        return f"the string {plain(repr(str.__str__(value)[:60]), 60)}"
    if type(value) in (tuple, list):
        return _describe_sequence(value)  # type: ignore[arg-type]
    if type(value) is dict:
        return _describe_dict(value)
    name = type_name(value)
    return f"{article(name)} {name}"


def type_name(value: object) -> str:
    """The name of a value's type; of a handle on a remote object, the type over there."""
    try:
        name = object.__getattribute__(value, "_type_name")
    except Exception:  # whatever an unknown object does
        name = None
    return plain(name if type(name) is str else type(value).__name__, 60)


def article(noun: str) -> str:
    return "an" if noun[:1].lower() in "aeio" else "a"


def _digits(value: Any) -> str:
    if is_a(value, float):
        return f"{value:.4g}" if value % 1 else f"{value:.1f}" if abs(value) < 1e6 else f"{value:g}"
    return str(value) if abs(value) < 10**12 else "of more than 12 digits"


def _describe_array(value: Any) -> str:
    seen = see(value)
    if seen is None:
        return "a sparse torch tensor"
    if is_a(value, np.generic):
        return f"a NumPy scalar of dtype {plain(seen.dtype, 60)}"
    noun = "a NumPy array" if seen.library == "NumPy" else "a torch tensor"
    return f"{noun} of shape {seen.shape} and dtype {plain(seen.dtype, 60)}"


def _describe_sequence(value: tuple[object, ...] | list[object]) -> str:
    noun = type(value).__name__
    if not value:
        return f"an empty {noun}"
    names = [type_name(item) for item in value[:4]] + (["…"] if len(value) > 4 else [])
    return f"a {noun} of {len(value)} ({', '.join(names)})"


def _describe_dict(value: dict[Any, Any]) -> str:
    if not value:
        return "an empty dict"
    return (
        f"a dict with {len(value)} keys ({keys_of(value)})"
        if len(value) > 1
        else f"a dict with the key {keys_of(value)}"
    )


def keys_of(value: dict[Any, Any]) -> str:
    """The first few keys of a dict, strings in quotes, others by their type."""
    keys = [plain(repr(key), 40) if type(key) in (str, int) else f"<{type_name(key)}>" for key in list(value)[:8]]
    return ", ".join(keys + (["…"] if len(value) > 8 else []))
