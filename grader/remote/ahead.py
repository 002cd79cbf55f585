"""Requests that are sent before a check makes them, because it makes the same ones for every submission.

A round trip costs more than most of the calls that it asks for: two processes take turns, and each finds its caches
cold. So what a check asks is noted once, with the reference (`Recorder`), and is sent for every other submission when
the check begins (`Ahead`). The check itself runs as ever. Each request that it makes is put into words, and if these
are the very next words that were sent, then the answer is on its way or here already. If they are not, the submission
has done what this check never asked of it: the check begins anew (`Diverged`), the ordinary way, with a new worker.

What a request holds of earlier answers cannot be sent ahead by value. It is named instead: ["q", k, keys] is what the
k-th request was answered, or the part of it that these keys lead to. The worker keeps what it answered as a copy, just
as the check does: a submission that goes on to change what it returned changes neither.

A submission that calls functions of the check finds the answers sealed with its requests (`grader.sandbox.foretold`).
It tells of each call all the same, and the check makes it, but nobody waits.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from grader.errors import WireError
from grader.remote.kinds import Answer, Kind, Kinds
from grader.remote.numbers import Functions, passed_file
from grader.remote.objects import RemoteFunction, RemoteObject
from grader.sandbox.channel import Channel, Closed, Frame
from grader.sandbox.foretold import Foretold, Words, digest, words
from grader.wire import Buffer, Encoder, pack, pack_text, written

Name: TypeAlias = list[Any]  # ["q", k, keys]

MOST_BYTES = 8 << 20  # of the requests of one check: the worker holds them all
MOST_FORETOLD = 32 << 20  # bytes of the answers to calls of functions of the checks, likewise
MOST_ANSWERED = 64 << 20  # bytes that come back and are kept until all are here
MOST_CALLS = 20_000
SAID = ANSWER, _ = b'["ok",', b'["callback",'  # how the texts of frames begin
SIMPLE = frozenset({type(None), bool, int, float, str, bytes, complex})


class Diverged(BaseException):
    """A check asks something else than was sent ahead. Ends the check, so no `except Exception` of it may stop this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The requests that a check makes.

    Attributes:
        words: of each request.
        starts: the number of the first request of each example.
        foretold: the calls of functions of the checks during each request; of very many the first.
        named: what of the answers is passed on, as (k, keys).
        numbered: whether it passes functions by number, in the order of all examples.
        names: of the module that the check wants, each with whether it can be called, or None if there is none.
    """

    words: tuple[Words, ...]
    starts: tuple[int, ...]
    foretold: tuple[tuple[Foretold, ...], ...]
    named: frozenset[tuple[int, tuple[Any, ...]]]
    numbered: bool = False
    names: tuple[tuple[str, bool | None], ...] = ()

    def requests(self, example: int) -> slice:
        """Which of the requests are those of an example."""
        starts = (*self.starts, len(self.words))
        return slice(starts[example], starts[example + 1])


class Answers:
    """What the requests of one example were answered, by identity, so that it can be named.

    Args:
        named: the parts that will be; None if that is not known yet.
    """

    def __init__(self, named: Collection[tuple[int, tuple[Any, ...]]] | None = None) -> None:
        self._named = named
        self._names: dict[int, Name] = {}
        self._values: list[Any] = []  # kept alive: their identities are keys
        self._before: dict[int, Any] = {}
        self._handles: dict[int, Name] = {}
        self._passed: list[Any] = []  # what the request that is being made names

    def clear(self) -> None:
        self._names.clear()
        self._handles.clear()
        self._before.clear()
        self._values.clear()

    def learn(self, number: int, value: Any, keys: tuple[Any, ...] = ()) -> None:
        """A request was answered."""
        kind = type(value)
        if kind in SIMPLE or isinstance(value, np.generic) or id(value) in self._names:
            return
        self._values.append(value)
        self._names[id(value)] = name = ["q", number, list(keys)]
        if kind is RemoteObject:
            self._handles[value._handle] = name
        elif self._named is None or (number, keys) in self._named:
            self._before[id(value)] = content(value)
        if kind in (tuple, list):
            for place, part in enumerate(value):
                self.learn(number, part, (*keys, place))
        elif kind is dict:
            for key, part in value.items():
                if type(key) in (str, int):
                    self.learn(number, part, (*keys, key))

    def name(self, value: Any) -> Name | None:
        """The name of a value, if it is a part of an answer, and holds what it held then."""
        name = self._names.get(id(value))
        if name is None or isinstance(value, RemoteObject):
            return name
        before = self._before.get(id(value))
        if before is None or before != content(value):
            return None
        self._passed.append(value)
        return name

    def knows(self, value: Any) -> bool:
        """Whether a value is a part of an answer, whatever it holds now."""
        return id(value) in self._names

    def target(self, handle: int) -> Name | None:
        """The name of an object of the submission."""
        return self._handles.get(handle)

    def answered(self, number: int, value: Any, changed: bool) -> None:
        """A request was answered; if that has changed what was passed, then on both sides."""
        for passed in self._passed if changed else ():
            self._before[id(passed)] = content(passed)
        self._passed.clear()
        self.learn(number, value)


def content(value: Any) -> Any:
    """What a value holds, to be compared."""
    encoder = Encoder(lambda foreign: ["id", id(foreign)])
    return encoder.encode(value), b"".join(encoder.buffers)


class Recorder:
    """Notes the requests of one check.

    Attributes:
        reason: why they cannot be sent ahead; empty if they can.
        kinds: of what they were answered.
        names: of the module that were wanted, see `Plan`.
    """

    def __init__(self) -> None:
        self.reason = ""
        self.kinds: list[Kind | None] = []
        self.names: dict[str, bool | None] = {}
        self._kinds = Kinds()  # of the example that runs
        self._functions = Functions()
        self._foretold: list[tuple[Foretold, ...]] = []
        self._words: list[Words] = []
        self._starts: list[int] = []
        self._named: set[tuple[int, tuple[Any, ...]]] = set()
        self._size = self._foreseen = 0
        self._open = self._numbered = False
        self._answers = Answers()

    def stand_in(self, functions: Mapping[str, Callable[..., Any]]) -> None:
        """These stand in."""
        self._functions.stand_in(functions)

    def example(self) -> None:
        """The check goes on to its next example."""
        self._answers.clear()
        self._kinds = Kinds()
        self._starts.append(len(self._words))

    def asks(self, kind: str, names: tuple[Any, ...], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """The check makes a request."""
        if self._open:
            self.reason = "a function that the check passes asks the submission in turn"
        self._open = True
        if self.reason:
            return
        target = names[0] if kind == "operator" else self._target(names[0])
        encoder = Encoder(lambda value: self._foreign(value, encoder), refer=self._refer)
        trees = [encoder.encode(value) for value in args]
        named = {name: encoder.encode(value) for name, value in kwargs.items()}
        self._words.append((written([kind, "", [target, *names[1:]], trees, named]), b"".join(encoder.buffers)))
        self._size += encoder.size
        if encoder.torn:
            self.reason = "it passes one value as a part of two others"
        if self._size > MOST_BYTES or len(self._words) > MOST_CALLS:
            self.reason = "the check asks too much to have it all lie ready"

    def answered(self, answer: Answer | None, changed: bool, called: Sequence[Foretold] = ()) -> None:
        """The request was answered; None if it raised.

        Args:
            called: the functions of the checks that were called meanwhile.
        """
        self._open = False
        if not self.reason:
            self.kinds.append(None if answer is None else self._kinds.of(answer))
            self._answers.answered(len(self._words) - 1, None if answer is None else answer.value, changed)
            self._foretold.append(tuple(self._fitting(called)))

    def passes(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
        """What is passed of what the check passes: here, that."""
        return args, kwargs

    def gives(self, value: Any) -> Any:
        """What the check gets of what was answered: likewise."""
        return value

    def _fitting(self, called: Sequence[Foretold]) -> Iterator[Foretold]:
        for one in called:
            self._foreseen += len(one.sealed)
            if self._foreseen > MOST_FORETOLD:
                return
            yield one

    def plan(self) -> Plan | None:
        """What was noted; None if that is no use."""
        if self.reason or not self._words:
            return None
        return Plan(
            words=tuple(self._words),
            starts=tuple(self._starts),
            foretold=tuple(self._foretold),
            named=frozenset(self._named),
            numbered=self._numbered,
            names=tuple(self.names.items()),
        )

    def _refer(self, value: Any) -> Name | None:
        return self._note(self._answers.name(value))

    def _target(self, handle: int) -> int | Name:
        name = self._note(self._answers.target(handle)) if handle else handle
        if name is None:
            self.reason = "it uses an object of an earlier example"
        return name or 0

    def _note(self, name: Name | None) -> Name | None:
        if name is not None:
            self._named.add((name[1], tuple(name[2])))
        return name

    def _foreign(self, value: Any, encoder: Encoder) -> list[Any]:
        if isinstance(value, Path):
            return passed_file(value, encoder)
        if isinstance(value, RemoteObject) and self._answers.target(value._handle):  # or a part of what is named
            return ["h", 0]
        if callable(value) and not isinstance(value, RemoteFunction | RemoteObject):
            name = self._functions.name(value)
            self._numbered |= type(name) is int
            return ["k", name]
        self.reason = "it passes a function of the submission, or what cannot be told"
        return ["h", 0]


class Ahead:
    """The requests of a check that were sent when it began.

    Attributes:
        answers: what they were answered, of the example that runs.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan, self._next = plan, 0
        self._read = self._all_here = False
        self._id = secrets.token_hex(8)
        self._said: list[tuple[Frame, int]] = []  # the answers that were read, with the number of calls before each
        self.answers = Answers(plan.named)

    @property
    def over(self) -> bool:
        """Whether all of them were made."""
        return self._next == len(self._plan.words)

    def frames(self) -> list[Buffer]:
        """All requests."""
        kept = sorted({number for number, _ in self._plan.named})
        sealed = [[one.sealed for one in called] for called in self._plan.foretold]
        sizes = [[len(one) for one in some] for some in sealed]
        parts = pack(["ahead", "", [len(self._plan.words), kept, sizes], [], {}], list(chain.from_iterable(sealed)))
        for number, (text, data) in enumerate(self._plan.words):
            parts += pack_text(text.replace(b'""', b'"%s"' % self._named(number).encode(), 1), [data] if data else [])
        return parts

    def fits(self, names: Mapping[str, bool]) -> bool:
        """Whether a module with these names has those that the check wants, as the reference has: it may go by that."""
        return all(names.get(name) == kind for name, kind in self._plan.names)

    def example(self, number: int) -> bool:
        """The check goes on to this example; returns whether it has made the requests of all before it, and no more."""
        self.answers.clear()
        return self._plan.starts[number] == self._next

    def transcript(self, channel: Channel, seconds: float) -> bytes:
        """A digest of what all answers say; the check gets them as ever.

        It is empty where they take longer, are too much to be kept, or something comes that is no answer; and once a
        request raises: most likely the check fails there.
        """
        until, channel.more_time, self._read = time.monotonic() + seconds, None, True
        frames: list[Frame] = []
        total, size = hashlib.sha256(), 0
        try:
            for number, foretold in enumerate(self._plan.foretold):
                called = 0
                while True:
                    frames.append(channel.receive_text(until))
                    text, data = frames[-1]
                    size += len(text) + len(data)
                    kind, named, _ = text.partition(b'"%s"' % self._named(number).encode())
                    if kind not in SAID or not named or size > MOST_ANSWERED:
                        return b""
                    said = digest(words(text, self._named(number), [data]))
                    if kind == ANSWER:
                        break
                    if called == len(foretold) or foretold[called].question != said:
                        return b""
                    called += 1
                total.update(said + called.to_bytes(4, "big"))  # a check may count the calls
                self._said.append((frames[-1], called))
        except (TimeoutError, Closed, WireError):  # the check gets there itself, and is told of it then
            return b""
        finally:
            channel.put_back(frames)
        self._all_here = True
        return total.digest()

    def said(self, number: int) -> list[Frame] | None:
        """The answers to the requests of an example; None, unless all of them were read, and all calls made before."""
        requests = self._plan.requests(number)
        some, foretold = self._said[requests], self._plan.foretold[requests]
        if [calls for _, calls in some] != list(map(len, foretold)):
            return None
        return [frame for frame, _ in some]

    def skip(self, number: int, channel: Channel) -> None:
        """The check goes on to this example, and needs none of the answers."""
        requests = self._plan.requests(number)
        channel.drop(sum(calls + 1 for _, calls in self._said[requests]))
        self._next = requests.stop

    def outlast(self, channel: Channel, seconds: float) -> bool:
        """Whether the worker is through with all requests, or is so in this time; what it answered is dropped.

        Only of a check whose transcript was asked for: it has failed, most likely where the submission raises, and a
        new worker for each check of an untouched stub would be most of what that costs. A check that passes, and has
        asked for less than was sent, leaves no trace of the rest: its worker is to be ended.
        """
        if not self._read:
            return False
        until, channel.more_time = time.monotonic() + seconds, None
        last, size = self._named(len(self._plan.words) - 1).encode(), 0
        try:
            while not self._all_here:
                text, data = channel.receive_text(until)
                size += len(text) + len(data)
                self._all_here = text.startswith((b'["ok","%s"' % last, b'["error","%s"' % last))
                if size > MOST_ANSWERED:
                    return False
        except (TimeoutError, Closed, WireError):
            return False
        channel.drop()
        return True

    def expects(self, message: list[Any], buffers: list[Buffer]) -> str:
        """The id of the next request, if it is this one; else an empty string."""
        if self.over:
            return ""
        kind, _, (first, *others), args, kwargs = message
        target = self.answers.target(first) if type(first) is int and first else first
        words = written([kind, "", [target, *others], args, kwargs]), b"".join(buffers)
        return self._named(self._next) if words == self._plan.words[self._next] else ""

    @property
    def foretold(self) -> Sequence[Foretold]:
        """The calls of functions during the next request."""
        return self._plan.foretold[self._next]

    def answered(self, value: Any, changed: bool) -> None:
        """The next request was answered; None if it raised."""
        self.answers.answered(self._next, value, changed)
        self._next += 1

    def _named(self, number: int) -> str:
        return f"{self._id}-{number}"
