"""Frames over a socket, with deadlines."""

from __future__ import annotations

import socket
import struct
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias

from grader import wire
from grader.wire import Buffer
from grader.wire.frame import empty

CHUNK = 1 << 16  # bytes; what is smaller travels in one piece
ROOM = 1 << 20  # bytes that the system may hold on their way: large arrays cross with fewer pauses
TICK = 0.25  # seconds after which the system hands back to us; later deadlines then need no call of their own
FOR_EVER = 0.0  # to the system


Frame: TypeAlias = tuple[bytes, memoryview]


class Closed(Exception):
    """The other side is gone."""


def pair() -> tuple[socket.socket, socket.socket]:
    """Two ends for channels: ours, and that of a worker, which may set no options itself."""
    ends = socket.socketpair()
    for end in ends:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, ROOM)
    return ends


class Channel:
    """One end of a connection; `deadline`s are times of `time.monotonic()`, None waits for ever.

    Attributes:
        more_time: asked when a deadline is over while we read; returns a later one, or raises TimeoutError.
        limit: bytes of buffers that we take in one frame.
    """

    def __init__(self, end: socket.socket, limit: int = wire.MAX_DATA) -> None:
        self._end = end
        self.limit = limit
        self.more_time: Callable[[], float] | None = None
        self._patience = {socket.SO_SNDTIMEO: FOR_EVER, socket.SO_RCVTIMEO: FOR_EVER}
        self._ahead = memoryview(bytearray(CHUNK))  # of this, [start, stop) was read, but not asked for yet
        self._start = self._stop = 0
        self._put_back: deque[Frame] = deque()

    def send(self, parts: list[Buffer], deadline: float | None = None) -> None:
        """Send frames that `wire.pack` made.

        Raises: TimeoutError, Closed.
        """
        for piece in [b"".join(parts)] if sum(map(len, parts)) < CHUNK else _pieces(parts):
            sent = self._move(socket.SO_SNDTIMEO, self._end.send, piece, deadline)
            if sent < len(piece):
                rest = memoryview(piece)
                while sent < len(rest):
                    sent += self._move(socket.SO_SNDTIMEO, self._end.send, rest[sent:], deadline)

    def receive(self, deadline: float | None = None) -> tuple[Any, memoryview]:
        """The next frame: its tree and the data of its buffers.

        Raises: WireError, TimeoutError, Closed.
        """
        text, data = self.receive_frame(deadline)
        return wire.parse(text), data

    def receive_frame(self, deadline: float | None = None) -> Frame:
        """The next frame: its text and the data of its buffers.

        Raises: WireError, TimeoutError, Closed.
        """
        return self._put_back.popleft() if self._put_back else self.receive_text(deadline)

    def put_back(self, frames: Iterable[Frame]) -> None:
        """Have these frames, which `receive_text` gave, be the next that are received."""
        self._put_back.extend(frames)

    def drop(self, count: int | None = None) -> None:
        """Drop the first so many frames of those that were put back, or all."""
        for _ in range(len(self._put_back) if count is None else count):
            self._put_back.popleft()

    def receive_text(self, deadline: float | None = None) -> Frame:
        """The next frame that nobody has read yet: its text, and the data of its buffers.

        Raises: WireError, TimeoutError, Closed.
        """
        head = wire.HEAD.size
        self._gather(head, deadline)
        n_text, n_data = wire.sizes(self._ahead[self._start : self._start + head], self.limit)
        if head + n_text + n_data > CHUNK:
            self._start += head
            text = self._read(n_text, deadline)
            return bytes(text), self._read(n_data, deadline)
        self._gather(head + n_text + n_data, deadline)
        text_start = self._start + head
        data_start = text_start + n_text
        self._start = data_start + n_data
        data = bytes(self._ahead[data_start : self._start]) if n_data else b""
        return bytes(self._ahead[text_start:data_start]), memoryview(data)

    def ended(self) -> bool:
        """Whether the other side has hung up, and left nothing to read."""
        if self._put_back or self._start != self._stop:
            return False
        try:
            return not self._end.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            return True

    def close(self) -> None:
        self._end.close()

    def _gather(self, size: int, deadline: float | None) -> None:
        """See to it that so many bytes, at most a chunk, were read and lie in a row."""
        have = self._stop - self._start
        if have >= size:
            return
        if self._start + size > CHUNK or not have:
            self._ahead[:have] = self._ahead[self._start : self._stop]
            self._start, self._stop = 0, have
        while self._stop - self._start < size:
            self._stop += self._fill(self._ahead[self._stop :], deadline)

    def _read(self, size: int, deadline: float | None) -> memoryview:
        """The next bytes, in memory of their own."""
        data, have = empty(size), min(size, self._stop - self._start)
        data[:have] = self._ahead[self._start : self._start + have]
        self._start += have
        while have < size:
            have += self._fill(data[have:], deadline)
        return data

    def _fill(self, room: memoryview, deadline: float | None) -> int:
        while True:
            try:
                n = self._move(socket.SO_RCVTIMEO, self._end.recv_into, room, deadline)
            except TimeoutError:
                if self.more_time is None:
                    raise
                deadline = self.more_time()
                continue
            if not n:
                raise Closed
            return n

    def _move(self, which: int, function: Callable[[Any], int], buffer: Buffer, deadline: float | None) -> int:
        """Let the system send from or receive into a buffer.

        Raises: TimeoutError, when the deadline is over; Closed.
        """
        while True:
            patience = FOR_EVER
            if deadline is not None:
                patience = deadline - time.monotonic()
                if patience <= 0:
                    raise TimeoutError
                patience = min(patience, TICK)
            try:
                if patience != self._patience[which]:
                    self._wait_for(which, patience)
                return function(buffer)
            except BlockingIOError:
                continue
            except OSError as gone:
                raise Closed from gone

    def _wait_for(self, which: int, seconds: float) -> None:
        self._patience[which] = seconds
        microseconds = max(round(seconds * 1e6), 1) if seconds else 0
        self._end.setsockopt(socket.SOL_SOCKET, which, struct.pack("@ll", *divmod(microseconds, 1_000_000)))


def _pieces(parts: list[Buffer]) -> Iterator[Buffer]:
    """The same bytes; what is small is joined."""
    small: list[Buffer] = []
    for part in parts:
        if len(part) >= CHUNK:
            if small:
                yield b"".join(small)
                small = []
            yield part
        else:
            small.append(part)
    if small:
        yield b"".join(small)
