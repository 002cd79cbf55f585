"""The mutable values of a call, which both sides know by number, and how one side learns what the other changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from grader.errors import WireError
from grader.wire import Buffer, Decoder, Encoder, tensor_buffer
from grader.wire.tensors import array_buffer


class Shared:
    """One side's view of the values of a call.

    Attributes:
        table: the values, in the order in which they crossed, either way.
        passing: the part of the table that came with the last message and not through a change (start, end).
    """

    __slots__ = ("_before", "passing", "table")

    def __init__(self) -> None:
        self.table: list[Any] = []
        self.passing = 0, 0
        self._before: list[Any] = []  # what the other side believes that they hold; of the first so many

    def note(self) -> None:
        """From here on, changes of all values so far are told to the other side."""
        for value in self.table[len(self._before) :]:
            self._before.append(snapshot(value))

    def encode(self, encoder: Encoder, values: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        """(changes of what was noted, the values); nothing has happened if it raises."""
        table, known = self.table, len(self.table)
        try:
            changed = [number for number, before in enumerate(self._before) if not unchanged(table[number], before)]
            changes = [[number, encoder.content(table[number])] for number in changed]
            start = len(table)
            body = [encoder.encode(value) for value in values]
        except BaseException:
            del table[known:]  # what the other side never hears of must not be referred to
            raise
        for number in changed:
            self._before[number] = snapshot(table[number])
        self.passing = start, len(table)
        return changes, body

    def decode(self, decoder: Decoder, changes: Any, trees: Sequence[Any]) -> list[Any]:
        """Make the changes that the other side tells, then decode its values."""
        if changes != []:
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

    def empty(self) -> None:
        """Take everything out of the containers."""
        for value in self.table:
            if isinstance(value, list | set | dict):
                value.clear()

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
    """What a mutable value holds now, for `unchanged`; it keeps the parts of a container alive."""
    if isinstance(value, np.ndarray):
        return _kept(array_buffer(value))
    if isinstance(value, dict):
        return [(key, id(part)) for key, part in value.items()], list(value.values())
    if isinstance(value, list | set):
        return [id(part) for part in value], list(value)
    if isinstance(value, np.random.Generator):
        state = value.bit_generator.state
        return state if state["bit_generator"] == "PCG64" else repr(state)  # other states hold arrays
    if hasattr(value, "get_state"):
        return value.get_state().numpy().tobytes()
    return _kept(tensor_buffer(value))


def unchanged(value: Any, before: Any) -> bool:
    """Whether a value holds what it held in an earlier snapshot; containers compare by the identity of their parts."""
    if isinstance(value, np.ndarray):
        return _same(before, array_buffer(value))
    if isinstance(value, dict | list | set):
        return bool(snapshot(value)[0] == before[0])
    if hasattr(value, "is_leaf"):
        return _same(before, tensor_buffer(value))
    return bool(before == snapshot(value))


def _kept(buffer: Buffer) -> bytes | np.ndarray[Any, Any]:
    """A copy; of what is large as an array, because NumPy asks for huge pages, and so gets its memory much faster."""
    return buffer if isinstance(buffer, bytes) else np.frombuffer(buffer, np.uint8).copy()


def _same(before: bytes | np.ndarray[Any, Any], buffer: Buffer) -> bool:
    if isinstance(before, bytes) or isinstance(buffer, bytes):
        return type(before) is type(buffer) and bool(before == buffer)
    now, words = np.frombuffer(buffer, np.uint8), len(before) // 8 * 8
    if len(now) != len(before):
        return False
    return np.array_equal(before[:words].view(np.uint64), now[:words].view(np.uint64)) and np.array_equal(
        before[words:], now[words:]
    )
