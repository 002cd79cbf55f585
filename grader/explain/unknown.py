"""Answers that are not known: a check that gets through with them decides the same way about every submission.

A check is run once with an `Unknown` in the place of each array and each float that the submission returns. It can
hold one, hand it on, take an entry of it, and give it to a comparison, which is noted as a `Judgement`. Nothing else:
to compute with it, to look into it, to ask what it is, is an `Escape`. So what the check expects does not depend on the
answers, and need not be computed again for the next submission.
"""

from __future__ import annotations

import functools
import pickle
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NoReturn, ParamSpec, TypeAlias

import numpy as np

P = ParamSpec("P")
CLUES = ("given", "related", "sizes", "what")  # of a comparison: they tell a student what is wrong, and decide nothing
TRAPS = (
    "abs add and bool bytes call ceil complex contains delattr delete delitem dir divmod enter eq exit float "
    "floor floordiv format ge get getstate gt hash iadd iand ifloordiv ilshift imatmul imod imul index int invert ior "
    "ipow irshift isub iter itruediv ixor le len length_hint lshift lt matmul mod mul ne neg next or pos pow radd rand "
    "rdivmod repr reversed rfloordiv rlshift rmatmul rmod rmul ror round rpow rrshift rshift rsub rtruediv rxor set "
    "setattr setitem str sub truediv trunc xor"
).split()


class Escape(BaseException):
    """A check does something with an answer that depends on what it is."""


Arguments: TypeAlias = tuple[tuple[Any, ...], dict[str, Any]]  # by place, and by name


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """A comparison that a check makes.

    Attributes:
        by: the name of the function.
        of: its arguments, without `CLUES`, pickled as the check passed them; there are `Unknown`s among them.
    """

    by: str
    of: bytes

    @cached_property
    def arguments(self) -> Arguments:
        """The same for every submission: nothing may write to an array among them."""
        args, kwargs = pickle.loads(self.of)
        for value in (*args, *kwargs.values()):
            if type(value) is np.ndarray:
                value.flags.writeable = False
        return args, kwargs

    def __getstate__(self) -> dict[str, Any]:
        return {"by": self.by, "of": self.of}

    def holds(self, answers: Sequence[Any]) -> bool:
        """Whether the comparison has nothing to say against these answers."""
        args, kwargs = self.arguments
        try:
            JUDGES[self.by](
                *[known(value, answers) for value in args],
                **{name: known(value, answers) for name, value in kwargs.items()},
                what="",
            )
        except Exception:  # whatever is wrong with it, the check finds it again, and says so
            return False
        return True

    def of_answers(self) -> bool:
        """Whether it is about an answer."""
        args, kwargs = self.arguments
        return any(map(is_unknown, (*args, *kwargs.values())))

    def agrees(self, other: Judgement) -> bool:
        """Whether this is the same comparison; where one knows a value that is unknown to the other, they agree."""
        (args, kwargs), (others, named) = self.arguments, other.arguments
        if self.by != other.by or len(args) != len(others) or list(kwargs) != list(named):
            return False
        return all(map(_alike, (*args, *kwargs.values()), (*others, *named.values())))


def _alike(one: Any, other: Any) -> bool:
    if type(one) is Unknown or type(other) is Unknown:
        return True
    return pickle.dumps(one, pickle.HIGHEST_PROTOCOL) == pickle.dumps(other, pickle.HIGHEST_PROTOCOL)


@dataclass(slots=True)
class Witness:
    """What a check does while it runs.

    Attributes:
        judgements: in order; of known values too.
        escaped: whether it did what depends on an answer.
    """

    judgements: list[Judgement] = field(default_factory=list)
    escaped: bool = False


_witness: ContextVar[Witness | None] = ContextVar("witness", default=None)
JUDGES: dict[str, Callable[..., None]] = {}


@contextmanager
def witnessed() -> Iterator[Witness]:
    """Within: judgements are noted."""
    witness = Witness()
    token = _witness.set(witness)
    try:
        yield witness
    finally:
        _witness.reset(token)


def escape(*args: Any, **kwargs: Any) -> NoReturn:
    """Note it, too: somebody may swallow the exception."""
    if (witness := _witness.get()) is not None:
        witness.escaped = True
    raise Escape("a check computes with an answer")


class Unknown:
    """A part of an answer.

    Args:
        number: of the answer, among those of an example.
        keys: that lead to the part, one after the other.
    """

    __slots__ = ("_keys", "_number")

    def __init__(self, number: int, keys: tuple[Any, ...] = ()) -> None:
        object.__setattr__(self, "_number", number)
        object.__setattr__(self, "_keys", keys)

    def __getitem__(self, key: Any) -> Unknown:
        return Unknown(object.__getattribute__(self, "_number"), (*object.__getattribute__(self, "_keys"), key))

    def __getattribute__(self, name: str) -> Any:
        if name == "__reduce_ex__":
            return lambda protocol: (Unknown, place_of(self))
        escape()


for _name in TRAPS:
    setattr(Unknown, f"__{_name}__", escape)


def place_of(value: Unknown) -> tuple[int, tuple[Any, ...]]:
    """The number and the keys of a part."""
    return object.__getattribute__(value, "_number"), object.__getattribute__(value, "_keys")


def is_unknown(value: object) -> bool:
    return type(value) is Unknown


def known(value: Any, answers: Sequence[Any]) -> Any:
    """The part of the answers that an `Unknown` stands for; anything else as it is."""
    if type(value) is not Unknown:
        return value
    number, keys = place_of(value)
    part = answers[number]
    for key in keys:
        part = part[key]
    return part


def judges(function: Callable[P, None]) -> Callable[P, None]:
    """A comparison, which is noted where there is a witness; one of what is unknown is made later."""

    @functools.wraps(function)
    def judge(*args: P.args, **kwargs: P.kwargs) -> None:
        __tracebackhide__ = True
        witness = _witness.get()
        if witness is None:
            return function(*args, **kwargs)
        deciding = {name: value for name, value in kwargs.items() if name not in CLUES}
        try:
            of = pickle.dumps((args, deciding), pickle.HIGHEST_PROTOCOL)
            witness.judgements.append(Judgement(by=function.__name__, of=of))
        except Exception:  # of an object of the submission, say
            witness.escaped = True
        if not any(type(value) is Unknown for value in (*args, *deciding.values())):
            function(*args, **kwargs)
        return None

    JUDGES[function.__name__] = function
    return judge
