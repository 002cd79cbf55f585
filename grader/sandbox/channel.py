"""Frames over a socket, with deadlines."""

from __future__ import annotations

import socket
import time
from typing import Any

from grader import wire


class Closed(Exception):
    """The other side is gone."""


class Channel:
    """One end of a connection; `deadline`s are times of `time.monotonic()`, None waits for ever."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end

    def send(self, tree: Any, buffers: list[bytes], deadline: float | None = None) -> None:
        try:
            for part in wire.pack(tree, buffers):
                self._limit(deadline)
                self._end.sendall(part)
        except (BrokenPipeError, ConnectionResetError) as gone:
            raise Closed from gone

    def receive(self, deadline: float | None = None) -> tuple[Any, memoryview]:
        """The next frame: its tree and the data of its buffers."""
        n_text, n_data = wire.sizes(self._read(wire.HEAD.size, deadline))
        text = self._read(n_text, deadline)
        return wire.parse(text), memoryview(self._read(n_data, deadline))

    def close(self) -> None:
        self._end.close()

    def _read(self, size: int, deadline: float | None) -> bytearray:
        data = bytearray(size)
        view, have = memoryview(data), 0
        while have < size:
            self._limit(deadline)
            try:
                n = self._end.recv_into(view[have:])
            except ConnectionResetError as gone:
                raise Closed from gone
            if n == 0:
                raise Closed
            have += n
        return data

    def _limit(self, deadline: float | None) -> None:
        """Raises TimeoutError when the deadline is over."""
        if deadline is None:
            self._end.settimeout(None)
            return
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._end.settimeout(left)
