"""The mutable values of a call, which both sides know by number, and how one side learns what the other changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from grader.errors import WireError
from grader.wire import Decoder, Encoder, tensor_bytes


class Shared:
    """One side's view of the values of a call.

    Attributes:
        table: the values, in the order in which they crossed, either way.
        passing: the part of the table that came with the last message and not through a change (start, end).
    """

    def __init__(self) -> None:
        self.table: list[Any] = []
        self.passing = 0, 0
        self._before: list[Any] = []  # what the other side believes that they hold

    def note(self) -> None:
        """From here on, changes of all values so far are told to the other side."""
        self._before += [snapshot(value) for value in self.table[len(self._before) :]]

    def encode(self, encoder: Encoder, values: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        """(changes of what was noted, the values); nothing has happened if it raises."""
        known = len(self.table)
        try:
            now = [snapshot(value) for value in self.table[: len(self._before)]]
            changed = [number for number, content in enumerate(now) if not same(self._before[number], content)]
            changes = [[number, encoder.content(self.table[number])] for number in changed]
            start = len(self.table)
            body = [encoder.encode(value) for value in values]
        except BaseException:
            del self.table[known:]  # what the other side never hears of must not be referred to
            raise
        self._before = now
        self.passing = start, len(self.table)
        return changes, body

    def decode(self, decoder: Decoder, changes: Any, trees: Sequence[Any]) -> list[Any]:
        """Make the changes that the other side tells, then decode its values."""
        self.apply(changes, decoder)
        start = len(self.table)
        values = [decoder.decode(tree) for tree in trees]
        self.passing = start, len(self.table)
        return values

    def forget(self, *parts: tuple[int, int]) -> None:
        """Drop parts of the table, on both sides alike.

        What a callback was given and returned is done with when it ends. Without this, a call with a thousand
        callbacks would compare a thousand dead arrays each time.
        """
        for start, end in sorted(parts, reverse=True):
            del self.table[start:end]
            del self._before[start:end]

    def apply(self, changes: Any, decoder: Decoder) -> None:
        """Make the changes that the other side tells."""
        if type(changes) is not list:
            raise WireError("the changes are malformed")
        for change in changes:
            if type(change) is not list or len(change) != 2:
                raise WireError("a change is malformed")
            decoder.replace(*change)
        for number, _ in changes:
            if number < len(self._before):
                self._before[number] = snapshot(self.table[number])


def snapshot(value: Any) -> Any:
    """What a mutable value holds now, to be compared later."""
    match value:
        case np.ndarray():
            return value.tobytes()
        case np.random.Generator():
            return repr(value.bit_generator.state)
        case dict():
            return [(key, id(item)) for key, item in value.items()], list(value.values())
        case list() | set():
            return [id(item) for item in value], list(value)
    if hasattr(value, "get_state"):
        return value.get_state().numpy().tobytes()
    return tensor_bytes(value)


def same(before: Any, now: Any) -> bool:
    """Whether two snapshots are of the same content; containers compare by identity, and keep their parts alive."""
    if isinstance(before, tuple):
        return bool(before[0] == now[0])
    return bool(before == now)
