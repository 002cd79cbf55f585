"""One request to a worker: its values, what of them changed, and what it names of earlier answers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

from grader.sandbox.foretold import Words, unseal
from grader.sandbox.shared import Shared
from grader.wire import Buffer, Decoder, Encoder


class Holder(Protocol):
    """Who holds the objects of a submission: the worker."""

    def handle(self, value: Any) -> list[Any]: ...
    def resolve(self, tag: str, args: list[Any]) -> Any: ...
    def answered(self, number: int) -> Any: ...
    def save_file(self, name: str, content: bytes) -> Path: ...


class Scope:
    """One request, and the mutable values that it shares with the checks."""

    __slots__ = ("_changed", "_data", "_foretold", "_named", "_worker", "call", "shared")

    def __init__(self, worker: Holder, call: str, data: memoryview, foretold: Sequence[bytes] = ()) -> None:
        self._foretold = iter(foretold)
        self.call, self.shared = call, Shared()
        self._worker, self._data = worker, data
        self._named: dict[int, Any] = {}  # earlier answers that the request names
        self._changed = False

    def decode(self, args: list[Any], kwargs: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """The values of the request, by place and by name."""
        decode = self._decoder(self._data).decode
        values = [decode(tree) for tree in args], {name: decode(tree) for name, tree in kwargs.items()}
        self.shared.note()
        return values

    def ask(self, number: int | str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, list[Buffer]]:
        """A call of a function of the checks."""
        encoder = Encoder(self._worker.handle, self.shared.table)
        changes, body = self._encoded(encoder, [*args, *kwargs.values()])
        named = dict(zip(kwargs, body[len(args) :], strict=True))
        return ["callback", self.call, changes, number, body[: len(args)], named], encoder.buffers

    def foretold(self, question: Words) -> Words | None:
        """The answer to a call of a function of the checks, if it is known; after one that is not, none is."""
        sealed = next(self._foretold, None)
        answer = None if sealed is None else unseal(question, sealed)
        if answer is None:
            self._foretold = iter(())
        return answer

    def returned(self, changes: Any, trees: list[Any], data: memoryview) -> list[Any]:
        """Take over what the checks changed, and what their function returned."""
        given = self.shared.passing
        self._changed = self._changed or bool(changes)
        values = self.shared.decode(self._decoder(data), changes, trees)
        self.shared.forget(given, self.shared.passing)
        self.shared.note()
        return values

    def encode(self, kind: str, *values: Any) -> tuple[Any, list[Buffer]]:
        """An answer: what changed among the arguments, then the values."""
        encoder = Encoder(self._worker.handle, self.shared.table)
        changes, body = self._encoded(encoder, values)
        return [kind, self.call, changes, *body], encoder.buffers

    def part(self, number: int, keys: list[Any]) -> Any:
        """A part of an earlier answer that the request names."""
        if number not in self._named:
            self._named[number] = self._worker.answered(number)
        value = self._named[number]
        for key in keys:
            value = value[key]
        return value

    def changed(self) -> Iterable[tuple[int, Any]]:
        """The earlier answers that the request has perhaps changed."""
        return self._named.items() if self._changed else ()

    def _encoded(self, encoder: Encoder, values: Sequence[Any]) -> tuple[Any, list[Any]]:
        changes, body = self.shared.encode(encoder, values)
        self._changed = self._changed or bool(changes)
        return changes, body

    def _decoder(self, data: memoryview) -> Decoder:
        return Decoder(data, self._resolve, self.shared.table, self._worker.save_file)

    def _resolve(self, tag: str, args: list[Any]) -> Any:
        if tag != "q":
            return self._worker.resolve(tag, args)
        value = self.part(*args)
        Encoder(self._worker.handle, self.shared.table).adopt(value)
        return value
