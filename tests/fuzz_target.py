"""What `tests.fuzz` fuzzes: the answer of a worker to one call.

Bytes become frames, which go through the channel, the decoder and the changes of arguments, as they do when a hostile
worker sends them. Whatever they are, the call returns a plain value or raises one of the errors that are meant for it.
"""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Callable, Iterable, Iterator
from types import SimpleNamespace

import numpy as np
import torch

from grader.errors import WireError
from grader.remote.call import Call
from grader.remote.deadline import Deadline
from grader.remote.numbers import Numbers
from grader.remote.raised import SubmissionRaised
from grader.sandbox.channel import Channel, Closed
from grader.wire import BIT_GENERATORS, DTYPES, HEAD, TENSOR_DTYPES, Encoder

TAGS = "atlsdzfrnbceEyxgpTYGhk"
WORDS = [*TAGS, *DTYPES, *TENSOR_DTYPES, *sorted(BIT_GENERATORS), "nan", "inf", "float", "PCG64", "state", "inc", ""]
NUMBERS = [0, 1, 2, 3, -1, 7, 64, 624, 1 << 16, 1 << 31, 1 << 40, 1 << 63, -(1 << 63), 1 << 70, 1 << 5000]
EXPECTED = (WireError, Closed, SubmissionRaised)
PROCESS = SimpleNamespace(cpu_seconds=lambda: None)
MOST = 40  # values of one tree


class Bytes:
    """The bytes of the fuzzer, taken from the front; zeros when there are no more."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, size: int) -> bytes:
        self.at += size
        return self.data[self.at - size : self.at]

    def below(self, limit: int) -> int:
        return int.from_bytes(self.take(1), "big") % limit

    def rest(self) -> bytes:
        return self.data[self.at :]


class End:
    """A socket whose other side has sent everything already, and hung up."""

    def __init__(self, sent: bytes) -> None:
        self._sent, self._at = sent, 0

    def recv_into(self, room: memoryview) -> int:
        part = self._sent[self._at : self._at + len(room)]
        room[: len(part)] = part
        self._at += len(part)
        return len(part)

    def send(self, data: bytes) -> int:
        return len(data)

    def setsockopt(self, *arguments: object) -> None: ...


class Words:
    """Values in the words of the wire, right or nearly so, and the bytes that belong to them."""

    def __init__(self, source: Bytes) -> None:
        self.source, self.data, self.left = source, bytearray(), MOST

    def tree(self) -> object:
        source = self.source
        self.left -= 1
        match source.below(12) if self.left > 0 else source.below(6):
            case 0 | 1:
                return NUMBERS[source.below(len(NUMBERS))]
            case 2:
                return source.below(256)
            case 3:
                return WORDS[source.below(len(WORDS))]
            case 4:
                return [None, True, False, 0.5, 1e308][source.below(5)]
            case 5:
                return source.take(3).decode("latin-1")
            case 6:
                return ["ltdsz"[source.below(5)], *[self.tree() for _ in range(source.below(5))]]
            case 7:
                return self.array("a", DTYPES, lambda code: DTYPES[code].itemsize)
            case 8:
                return self.array("T", TENSOR_DTYPES, TENSOR_DTYPES.__getitem__)
            case 9:
                return ["r", source.below(8)]
            case 10:
                return self.spelled(source.below(len(SPELLED)))
        return [TAGS[source.below(len(TAGS))], *[self.tree() for _ in range(source.below(5))]]

    def array(self, tag: str, kinds: Iterable[str], size: Callable[[str], int]) -> object:
        source = self.source
        code = list(kinds)[source.below(len(list(kinds)))]
        sides = [source.below(4) for _ in range(source.below(3))]
        self.data += source.take(math.prod(sides) * size(code)).ljust(math.prod(sides) * size(code), b"\0")
        return [tag, code, sides, bool(source.below(2))]

    def spelled(self, place: int) -> object:
        """A value as the worker itself spells it."""
        words, data = SPELLED[place]
        self.data += data
        return words

    def change(self) -> object:
        """Of an argument: mostly one of its own kind."""
        place = self.source.below(6)
        kind = self.source.below(4)
        if kind == 0 or place > 4:
            return [place, self.tree()]
        return [place, self.spelled(place) if kind < 3 else ["l", self.tree()]]


def values() -> list[object]:
    """Of every kind that crosses."""
    kinds = [np.arange(6.0).reshape(2, 3), [1, 2], {"a": 1, 2: (3, None)}, {1, 2}, frozenset("ab"), b"bytes", 1 + 2j]
    kinds += [np.float32(1), np.bool_(True), slice(1, None, 2), ..., np.dtype("<f4"), float, float("nan")]
    kinds += [np.random.Generator(getattr(np.random, name)(0)) for name in sorted(BIT_GENERATORS)]
    return [*kinds, torch.ones(2), torch.float32, torch.Generator(), object()]


def _spelled() -> Iterator[tuple[object, bytes]]:
    for value in [*arguments(), *values()]:
        encoder = Encoder(lambda value: ["h", 3, "Thing"])
        yield encoder.encode(value), b"".join(encoder.buffers)


def arguments() -> list[object]:
    """Of the call that is answered: what can be changed."""
    return [np.arange(6.0).reshape(2, 3), [1, 2], {"a": 1}, np.random.default_rng(0), torch.ones(2)]


def frame(source: Bytes, call: str) -> bytes:
    """One frame: mostly well formed, with a body that is not."""
    shape = source.below(16)
    if shape == 0:
        return source.take(40)
    words = Words(source)
    if shape == 1:
        text = source.take(60).replace(b"ID", call.encode())
    else:
        kind = ["ok", "ok", "ok", "error", "callback", "odd"][source.below(6)]
        changes = [words.change() for _ in range(source.below(3))]
        if kind == "error" and source.below(2):
            body: list[object] = [["t", ["l", "ValueError"], "why", ["l", ["t", "f.py", 1, "f", "x"]]]]
        elif kind == "callback":
            body = [source.below(2), [words.tree()], {"x": words.tree()}]
        else:
            body = [words.tree()]
        text = json.dumps([kind, call if shape > 2 else "0" * 16, changes, *body]).encode()
    extra = source.below(8) if shape == 3 else 0
    data = bytes(words.data) + bytes(source.below(3) if shape == 4 else 0)
    whole = HEAD.pack(len(text) + extra, len(data)) + text + data
    return whole[:-1] if shape == 5 else whole


def one(data: bytes) -> None:
    """One call and the answers that the bytes make; raises what must never be raised."""
    source = Bytes(data)
    session = SimpleNamespace()
    numbers = Numbers(session, PROCESS)
    sent = End(b"")
    call = Call(Channel(sent, 1 << 20), numbers, Deadline(PROCESS, 60.0, None, 60.0))
    given = arguments()
    message, buffers = call.ask("call", (0, "f"), (*given, lambda *args, **kwargs: args), {})
    sent._sent = b"".join(frame(source, message[1]) for _ in range(1 + source.below(4)))
    with contextlib.suppress(*EXPECTED):
        use(call.run(message, buffers, []))
    for argument in given:
        use(argument)


SPELLED = list(_spelled())


def use(value: object) -> None:
    """Look at all of a value, as a check would."""
    repr(value)
    if isinstance(value, np.ndarray):
        with np.errstate(all="ignore"):
            value.sum()
        value.tobytes()
    elif isinstance(value, torch.Tensor):
        value.detach().clone()
    elif isinstance(value, np.random.Generator):
        value.random(3)
    elif isinstance(value, list | tuple | set | frozenset):
        for part in value:
            use(part)
    elif isinstance(value, dict):
        for key, part in value.items():
            use((key, part))
