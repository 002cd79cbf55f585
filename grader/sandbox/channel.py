"""Frames over a socket, with deadlines."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from grader import wire

CHUNK = 1 << 16  # bytes; what is smaller travels in one piece

T = TypeVar("T")
R = TypeVar("R")


class Closed(Exception):
    """The other side is gone."""


class Channel:
    """One end of a connection; `deadline`s are times of `time.monotonic()`, None waits for ever.

    Attributes:
        more_time: asked when a deadline is over while we read; returns a later one, or raises TimeoutError.
    """

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self.more_time: Callable[[], float] | None = None
        self._ahead = b""  # read, but not asked for yet

    def send(self, parts: list[bytes], deadline: float | None = None) -> None:
        """Send frames that `wire.pack` made.

        Raises: TimeoutError, Closed.
        """
        if sum(map(len, parts)) <= CHUNK:
            parts = [b"".join(parts)]
        for part in parts:
            self._move(self._end.sendall, part, deadline)

    def receive(self, deadline: float | None = None) -> tuple[Any, memoryview]:
        """The next frame: its tree and the data of its buffers.

        Raises: WireError, TimeoutError, Closed.
        """
        n_text, n_data = wire.sizes(self._read(wire.HEAD.size, deadline))
        text = self._read(n_text, deadline)
        return wire.parse(text), memoryview(self._read(n_data, deadline))

    def close(self) -> None:
        self._end.close()

    def _read(self, size: int, deadline: float | None) -> bytes | bytearray:
        if size - len(self._ahead) >= CHUNK:
            return self._read_large(size, deadline)
        while len(self._ahead) < size:
            self._ahead += self._wait(self._end.recv, CHUNK, deadline) or _closed()
        data, self._ahead = self._ahead[:size], self._ahead[size:]
        return data

    def _read_large(self, size: int, deadline: float | None) -> bytearray:
        data = bytearray(size)
        view, have = memoryview(data), len(self._ahead)
        view[:have], self._ahead = self._ahead, b""
        while have < size:
            have += self._wait(self._end.recv_into, view[have:], deadline) or _closed()
        return data

    def _wait(self, function: Callable[[T], R], argument: T, deadline: float | None) -> R:
        while True:
            try:
                return self._move(function, argument, deadline)
            except TimeoutError:
                if self.more_time is None:
                    raise
                deadline = self.more_time()

    def _move(self, function: Callable[[T], R], argument: T, deadline: float | None) -> R:
        try:
            self._limit(deadline)
            return function(argument)
        except TimeoutError:
            raise
        except OSError as gone:
            raise Closed from gone

    def _limit(self, deadline: float | None) -> None:
        """Raises TimeoutError when the deadline is over."""
        if deadline is None:
            if self._end.gettimeout() is not None:
                self._end.settimeout(None)
            return
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._end.settimeout(left)


def _closed() -> NoReturn:
    raise Closed
