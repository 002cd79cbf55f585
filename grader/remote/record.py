"""Calls of a check as they went over the boundary, kept to find out which mistake they show."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from grader.errors import WireError
from grader.wire import Buffer, Decoder

CALLS = 40  # of a check that are kept
SMALL = 1 << 20  # bytes: a call whose arrays take more, there or back, is not kept


Trees: TypeAlias = tuple[list[Any], dict[str, Any]]  # args, kwargs


@dataclass(frozen=True, kw_only=True)
class RecordedCall:
    """A call of a function of the module, and what came of it."""

    name: str
    trees: Trees
    data: bytes
    value: Any  # what was returned, or the type of the exception

    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Rebuild (args, kwargs) afresh; WireError if they hold what exists only there, such as handles."""

        def refuse(tag: str, args: list[Any]) -> Any:
            raise WireError(f"{tag!r} cannot be rebuilt")

        decoder = Decoder(memoryview(self.data), refuse)
        args, kwargs = self.trees
        return tuple(map(decoder.decode, args)), {name: decoder.decode(tree) for name, tree in kwargs.items()}


class Record:
    """The last calls of a check."""

    def __init__(self) -> None:
        self._calls: deque[tuple[str, Trees, bytes, Any]] = deque(maxlen=CALLS)

    def clear(self) -> None:
        self._calls.clear()

    def add(self, name: str, trees: Trees, data: bytes, value: Any) -> None:
        self._calls.append((name, trees, data, value))

    def calls(self) -> list[RecordedCall]:
        return [
            RecordedCall(name=name, trees=trees, data=data, value=value) for name, trees, data, value in self._calls
        ]


def copied(buffers: Sequence[Buffer]) -> bytes | None:
    """The buffers of a call as they are now; None if they are too large to be kept."""
    return b"".join(buffers) if sum(map(len, buffers)) <= SMALL else None
