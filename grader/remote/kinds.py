"""What kind of answer a check gets, whatever the numbers in it: of two answers of one kind, a check that looks at no
number makes the same.

Arrays, tensors and floats are left open (`grader.explain.unknown`). Whatever else there is belongs to the kind: a
count, a name, a flag, a key, None, which object of the submission it is, and the state of a generator that was used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from grader.errors import WireError
from grader.explain.unknown import Unknown, escape, known, place_of
from grader.remote.objects import RemoteObject
from grader.sandbox.channel import Frame
from grader.text import plain
from grader.wire import Decoder, parse

Kind: TypeAlias = tuple[Any, ...]

MOST_PARTS = 10_000  # of the answers of one example: to take more apart takes the memory of many times their frames
CONSTANT = frozenset({type(None), bool, int, str, bytes})


class Undescribed(Exception):
    """An answer holds what has no kind, such as a generator or a set, or too many parts."""


@dataclass(frozen=True, slots=True)
class Handle:
    """An object of the submission, in an answer that nobody asks about."""

    number: int
    type_name: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request was answered: what it told of changes of arguments, as a tree, and its value."""

    changes: Any
    value: Any


def answer_in(frame: Frame) -> Answer:
    """The answer in a frame, of its own: nothing in it is shared with the arguments of the request.

    Raises: WireError, if there is no such answer in it.
    """
    text, data = frame
    match parse(text):
        case ["ok", _, changes, tree]:
            decoder = Decoder(data, _handle)
            value = decoder.decode(tree)
            decoder.finish()
            if not decoder.referred:
                return Answer(changes, value)
    raise WireError("it holds no answer that can be looked at alone")


def _handle(tag: str, args: list[Any]) -> Handle:
    if tag != "h" or len(args) != 2 or type(args[0]) is not int or type(args[1]) is not str:
        raise WireError("it holds what is of no known kind")
    return Handle(args[0], plain(args[1], 80))


class Kinds:
    """Tells the kinds of the answers of one example, one after the other."""

    def __init__(self) -> None:
        self._handles: dict[int, int] = {}  # of objects, numbered as they come
        self._parts = 0

    def of(self, answer: Answer) -> Kind | None:
        """The kind of the next answer; None if it has none."""
        try:
            return _plain(answer.changes), self._kind(answer.value)
        except Undescribed:
            return None

    def _kind(self, value: Any) -> Kind:
        self._parts += 1
        if self._parts > MOST_PARTS:
            raise Undescribed
        kind = type(value)
        if kind is np.ndarray:
            return "array", value.dtype.str, value.shape, value.flags.writeable
        if kind is float:
            return ("float",)
        if kind in CONSTANT:
            return "constant", kind.__name__, value
        if kind in (tuple, list):
            return kind.__name__, *(self._kind(part) for part in value)
        if kind is dict and all(type(key) in (str, int) for key in value):
            return "dict", *((type(key).__name__, key, self._kind(part)) for key, part in value.items())
        if kind is RemoteObject:
            return self._kind(Handle(value._handle, value._type_name))
        if kind is Handle:
            return "object", self._handles.setdefault(value.number, len(self._handles)), value.type_name
        if issubclass(kind, np.generic):
            return "scalar", value.dtype.str
        if hasattr(value, "is_leaf"):
            return "tensor", str(value.dtype), tuple(value.shape), value.requires_grad
        raise Undescribed


def _plain(changes: Any) -> str:
    """Changes of random generators, whose state is a tree of its own; no others."""
    match changes:
        case []:
            return ""
        case [*some] if all(type(change) is list and _is_state(*change[1:]) for change in some):
            return repr(changes)
    raise Undescribed


def _is_state(*tree: Any) -> bool:
    return len(tree) == 1 and type(tree[0]) is list and tree[0][:2] == ["g", "PCG64"]


def concealed(value: Any, number: int, inside: dict[int, Any], keys: tuple[Any, ...] = ()) -> Any:
    """An answer, with an `Unknown` in the place of whatever its kind leaves open.

    Args:
        number: of the answer, among those of an example.
        inside: gets the containers that were made, by identity, each with the one that it stands for.
    """
    kind = type(value)
    made: Any
    if kind in (tuple, list):
        made = kind(concealed(part, number, inside, (*keys, place)) for place, part in enumerate(value))
    elif kind is dict:
        made = {key: concealed(part, number, inside, (*keys, key)) for key, part in value.items()}
    elif kind in CONSTANT or kind is RemoteObject:
        return value
    else:
        return Unknown(number, keys)
    inside[id(made)] = made, value
    return made


def revealed(value: Any, answers: Sequence[Any], inside: Mapping[int, Any]) -> Any:
    """What a check passes, with the answers in it as they are. An `Escape`, where they could not be named."""
    kind = type(value)
    if kind is Unknown:
        part = known(value, answers)
        return part if _is_named(value, part, answers) else escape()
    if id(value) in inside:
        return inside[id(value)][1]
    if kind is tuple:
        parts = tuple(revealed(part, answers, inside) for part in value)
        return parts if any(part is not old for part, old in zip(parts, value, strict=True)) else value
    if kind in (list, set, dict):  # which the submission may change, so that no other may stand for it
        for part in value.values() if kind is dict else value:
            if revealed(part, answers, inside) is not part:
                escape()
    return value


def _is_named(value: Unknown, part: Any, answers: Sequence[Any]) -> bool:
    """Whether this is an array or a tensor, and a whole one, which has a name when it is passed on."""
    number, keys = place_of(value)
    if keys and type(known(Unknown(number, keys[:-1]), answers)) not in (tuple, list, dict):
        return False
    return type(part) is np.ndarray or hasattr(part, "is_leaf")
