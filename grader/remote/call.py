"""One request to the worker and all that goes back and forth until its answer."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from grader.errors import WireError
from grader.remote.ahead import Diverged
from grader.remote.deadline import Deadline
from grader.remote.numbers import Numbers
from grader.remote.objects import RemoteObject
from grader.remote.raised import described
from grader.sandbox.channel import Channel
from grader.sandbox.foretold import Foretold, Words, digest, foretell, may_be_foretold, words
from grader.sandbox.shared import Shared
from grader.wire import Buffer, Decoder, Encoder, pack, pack_text, parse, written
from grader.wire.unfold import bounded

ID = 16  # hexadecimal digits
POOL = 256  # ids drawn at a time


def _unguessable() -> Iterator[str]:
    """Random ids: a worker cannot prepare the answer to a call that it has not received yet."""
    while True:
        pool = secrets.token_hex(POOL * ID // 2)
        yield from (pool[start : start + ID] for start in range(0, len(pool), ID))


_ids = _unguessable()


class Call:
    """One request; see `grader.sandbox.worker` for what is said.

    Args:
        refer: see `Encoder`.
        noting: whether to note the calls of functions of the checks.

    Attributes:
        open: whether the worker owes an answer; if so, nothing else can be asked of it.
        received: bytes of buffers that came with the answer.
        changed: whether an answer told of changes.
        changes: that the last one told of, as a tree.
        noted: the calls of functions of the checks.
    """

    __slots__ = (
        "_channel",
        "_deadline",
        "_encoder",
        "_failed",
        "_foretold",
        "_id",
        "_kept",
        "_noting",
        "_numbers",
        "_shared",
        "changed",
        "changes",
        "noted",
        "open",
        "received",
    )

    def __init__(
        self,
        channel: Channel,
        numbers: Numbers,
        deadline: Deadline,
        refer: Callable[[Any], list[Any] | None] | None = None,
        noting: bool = False,
    ) -> None:
        self._channel, self._numbers, self._deadline = channel, numbers, deadline
        self._id = next(_ids)
        self._shared = Shared()
        self._encoder = Encoder(self._foreign, self._shared.table, refer)
        self._kept: list[RemoteObject] = []
        self._failed: BaseException | None = None
        self._foretold: Iterator[Foretold] = iter(())
        self._noting, self.noted = noting, list[Foretold]()
        self.open = self.changed = False
        self.changes: Any = []
        self.received = 0

    @property
    def torn(self) -> bool:
        """Whether what is one value here would be two there: see `Encoder`."""
        return self._encoder.torn

    def ask(
        self, kind: str, names: tuple[Any, ...], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> tuple[list[Any], list[Buffer]]:
        """Put a request into words.

        Returns:
            (message, buffers), ready for `run`

        Raises: TypeError, WireError, if a value cannot cross.
        """
        encode = self._encoder.encode
        trees = [encode(value) for value in args]
        return [
            kind,
            self._id,
            names,
            trees,
            {name: encode(value) for name, value in kwargs.items()},
        ], self._encoder.buffers

    def run(self, message: list[Any], buffers: list[Buffer], news: list[Buffer]) -> Any:
        """Ask, answer what is asked back, and return the value of the answer.

        Args:
            news: frames to be sent first.

        Raises: what the submission raised; TimeoutError, Closed, WireError.
        """
        parts = pack(message, buffers)
        self.open = True
        self._channel.send(news + parts, self._deadline.at)
        return self._answer()

    def await_answer(self, sent: str, foretold: Sequence[Foretold]) -> Any:
        """Like `run`, for a request that was sent before, under this id.

        Args:
            foretold: calls of functions that the worker knows the answers to, as long as it asks just these.
        """
        self._id, self._foretold, self.open = sent, iter(foretold), True
        return self._answer()

    def _answer(self) -> Any:
        while True:
            self._channel.more_time = self._deadline.later  # a call from within a callback has set its own
            text, data = self._channel.receive_frame(self._deadline.at)
            tree = parse(text)
            if type(tree) is not list or len(tree) < 4 or tree[1] != self._id:
                raise WireError("an answer belongs to no call")
            match tree:
                case ["callback", _, changes, number, list(args), dict(kwargs)]:
                    values = self._values(changes, [*args, *kwargs.values()], data)
                    given = dict(zip(kwargs, values[len(args) :], strict=True))
                    function = self._numbers.function(number)
                    self._noting = self._noting and may_be_foretold(function)
                    answer = self._call_back(function, values[: len(args)], given)
                    self._tell(words(text, self._id, [data]), *answer)
                case ["ok", _, changes, value]:
                    (value,) = self._values(changes, [value], data)
                    self.open = False
                    self.changes = changes
                    self.received = len(data)
                    return value
                case ["error", _, changes, description]:
                    error = self._error(*self._values(changes, [description], data))
                    self.open = False
                    raise error
                case _:
                    raise WireError("an answer is of no known kind")

    def _values(self, changes: Any, trees: list[Any], data: memoryview) -> list[Any]:
        """The values of an answer, after the changes that it tells were made."""
        decoder = Decoder(data, self._numbers.resolve, self._shared.table)
        self.changed = self.changed or changes != []
        try:
            values = self._shared.decode(decoder, changes, trees)
            decoder.finish()
            if decoder.referred or changes:
                bounded([*self._shared.table, *values])
        except WireError:
            self._shared.empty()  # what was made of the arguments so far might take an eternity to print
            raise
        return values

    def _call_back(
        self, function: Callable[..., Any], args: list[Any], kwargs: dict[str, Any]
    ) -> tuple[bytes, list[Buffer]]:
        began = time.monotonic()
        given = self._shared.passing
        self._shared.note()
        try:
            text, buffers = self._told("return", function(*args, **kwargs))
        except Exception as error:
            self._failed = error
            text, buffers = self._told("raise")
        self._shared.forget(given, self._shared.passing)
        self._deadline.extend(time.monotonic() - began)
        return text, buffers

    def _told(self, kind: str, *values: Any) -> tuple[bytes, list[Buffer]]:
        self._encoder = encoder = Encoder(self._foreign, self._shared.table)
        changes, body = self._shared.encode(encoder, values)
        return written([kind, self._id, changes, *body]), encoder.buffers

    def _tell(self, question: Words, text: bytes, buffers: list[Buffer]) -> None:
        """Answer a call of a function, unless the worker knows the answer.

        Raises: Diverged, if it knows another.
        """
        answer = words(text, self._id, buffers)
        if self._noting:
            self.noted.append(foretell(question, answer))
        known = next(self._foretold, None)
        if known is None or known.question != digest(question):
            self._foretold = iter(())
            self._channel.send(pack_text(text, buffers), self._deadline.at)
        elif known.answer != digest(answer):
            raise Diverged

    def _foreign(self, value: Any) -> list[Any]:
        return self._numbers.encode(value, self._encoder, self._kept)

    def _error(self, description: Any) -> BaseException:
        error = described(description)
        if error.type_name == "CallbackFailed" and self._failed is not None:
            return self._failed
        return error
