"""What crosses the boundary by number: functions of the checks, and objects of the submission in one worker."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from grader.errors import SubmissionCrashed, WireError
from grader.remote.objects import NOTHING, Asker, RemoteFunction, RemoteObject
from grader.text import plain
from grader.wire import Buffer, Encoder, pack


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
        self._functions: dict[int, Callable[..., Any]] = {}
        self._of_functions: dict[int, int] = {}
        self._next = 0
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
        if type(number) is not int or number not in self._functions:
            raise WireError("it calls a function that it was not given, or in a check that is over")
        return self._functions[number]

    def revoke(self) -> None:
        """A check is over: no function that it passed does any more work."""
        self._functions.clear()
        self._of_functions.clear()

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
            return ["k", self._of_function(value)]
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
            kept: list[RemoteObject] = []
            encoder = Encoder(lambda value: self.encode(value, encoder, kept))
            functions = {name: encoder.encode(function) for name, function in stand_ins.items()}
            told += pack(["stand_in", "", [], [], functions], encoder.buffers)
            self._standing_in = stand_ins
        if self._dropped:
            dropped, self._dropped[:] = self._dropped[:], []
            gone = [handle for handle in dropped if handle not in self._objects]  # the others came back meanwhile
            told += pack(["drop", "", gone, [], {}], [])
        return told

    def _of_function(self, function: Callable[..., Any]) -> int:
        number = self._of_functions.setdefault(id(function), self._next)
        if number == self._next:
            self._functions[number] = function
            self._next += 1
        return number


def passed_file(path: Path, encoder: Encoder) -> list[Any]:
    """A file of the checks on its way to the worker, which gets a copy."""
    content = path.read_bytes()
    encoder.put(content)
    return ["p", path.name, len(content)]
