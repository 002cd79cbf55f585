"""What crosses the boundary by number: functions of the checks, and objects of the submission in one worker."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from grader.errors import SubmissionCrashed, WireError
from grader.remote.objects import NOTHING, Asker, RemoteFunction, RemoteObject
from grader.remote.pull import pull
from grader.text import plain
from grader.wire import PULL, Buffer, Encoder, pack

MOST_DIGITS = 9  # of the number of a function


class Functions:
    """The functions of one check that the submission may call: stand-ins by their names, others by number, from 0."""

    def __init__(self) -> None:
        self._by_name: dict[str | int, Callable[..., Any]] = {}
        self._names: dict[int, str | int] = {}

    def stand_in(self, functions: Mapping[str, Callable[..., Any]]) -> None:
        """These are passed by their names."""
        for name, function in functions.items():
            self._by_name[name] = function
            self._names.setdefault(id(function), name)

    def name(self, function: Callable[..., Any]) -> str | int:
        """What the submission is told of a function that is passed."""
        name = self._names.setdefault(id(function), len(self._by_name))
        self._by_name.setdefault(name, function)
        return name

    def get(self, name: Any) -> Callable[..., Any] | None:
        """The function that was passed under a name, which may be a number in digits."""
        if type(name) is str and name not in self._by_name and name.isdecimal() and len(name) <= MOST_DIGITS:
            name = int(name)
        return self._by_name.get(name) if type(name) in (str, int) else None

    def clear(self) -> None:
        self._by_name.clear()
        self._names.clear()


class Numbers:
    """The numbers that checks and one worker have agreed on.

    Args:
        session: whose objects these are.
        process: the worker; an object of another one is lost.
    """

    def __init__(self, session: Asker, process: Any) -> None:
        self._session, self._process = session, process
        self._objects: weakref.WeakValueDictionary[int, RemoteObject] = weakref.WeakValueDictionary()
        self._dropped: list[int] = []
        self._functions = Functions()
        self._standing_in: Mapping[str, Any] = NOTHING

    def of(self, value: RemoteObject) -> int:
        """What the worker calls an object."""
        if value._session is not self._session:
            raise TypeError("an object of one submission cannot be passed to another")
        if value._process is not self._process:
            raise SubmissionCrashed("an object of your code was lost when its process ended")
        handle: int = value._handle
        return handle

    def function(self, number: Any) -> Callable[..., Any]:
        """A function of the checks that the submission was given.

        Raises: WireError, if it was not, or if the functions were revoked since.
        """
        pulls = type(number) is str and number.endswith(PULL)
        function = self._functions.get(number[: -len(PULL)]) if pulls else self._functions.get(number)
        if function is None:
            raise WireError("it calls a function that it was not given, or in a check that is over")
        return pull(function) if pulls else function

    def revoke(self) -> None:
        """A check is over: no function that it passed does any more work."""
        self._functions.clear()

    def encode(self, value: Any, encoder: Encoder, kept: list[RemoteObject]) -> list[Any]:
        """A value of no plain type on its way to the worker; `kept` takes the objects that it found for functions."""
        if isinstance(value, RemoteObject):
            return ["h", self.of(value)]
        if isinstance(value, RemoteFunction):
            kept.append(value._object())
            return ["h", self.of(kept[-1])]
        if isinstance(value, Path):
            return passed_file(value, encoder)
        if callable(value):
            return ["k", self._functions.name(value)]
        raise TypeError(f"a check cannot pass a {type(value).__name__} to a submission")

    def resolve(self, tag: str, args: list[Any]) -> RemoteObject:
        """An object of the submission that came back."""
        if tag != "h" or len(args) != 2 or type(args[0]) is not int or type(args[1]) is not str:
            raise WireError(f"unknown tag {plain(tag, 20)!r}")
        known = self._objects.get(args[0])
        if known is None:
            known = RemoteObject(self._session, self._process, args[0], plain(args[1], 80), self._dropped.append)
            self._objects[args[0]] = known
        return known

    def news(self, stand_ins: Mapping[str, Any]) -> list[Buffer]:
        """What to say before the next request and needs no answer: who stands in, and which objects are done with."""
        told: list[Buffer] = []
        if stand_ins is not self._standing_in:
            self._functions.stand_in(stand_ins)
            told += pack(["stand_in", "", [], [], {name: ["k", name] for name in stand_ins}], [])
            self._standing_in = stand_ins
        if self._dropped:
            dropped, self._dropped[:] = self._dropped[:], []
            gone = [handle for handle in dropped if handle not in self._objects]  # the others came back meanwhile
            told += pack(["drop", "", gone, [], {}], [])
        return told


def passed_file(path: Path, encoder: Encoder) -> list[Any]:
    """A file of the checks on its way to the worker, which gets a copy."""
    content = path.read_bytes()
    encoder.put(content)
    return ["p", path.name, len(content)]
