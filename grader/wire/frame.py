"""Frames: a header, a JSON text, and the buffers that the text speaks of."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from grader.errors import WireError

Buffer: TypeAlias = bytes | memoryview  # a memoryview has one byte an item

HEAD = struct.Struct("!IQ")
MAX_TEXT = 1 << 24  # bytes of JSON; as Python objects they take some thirty times as much
MAX_DATA = 1 << 29  # bytes of buffers
MAX_LISTS = 200_000  # lists in a text, which are what takes time to rebuild; brackets in strings count as well
LARGE = 1 << 16  # bytes from which a buffer is worth sparing a copy
ALIGN = 64  # bytes; the widest that NumPy and torch gain from


class TooLarge(WireError):
    """A frame that announces more than the receiver takes."""


def pack(tree: Any, buffers: Sequence[Buffer]) -> list[Buffer]:
    """The parts of a frame, ready to be written one after the other.

    Raises: WireError, if it is too large to carry.
    """
    return pack_text(written(tree), buffers)


def written(tree: Any) -> bytes:
    """A tree as the text of a frame."""
    return _WRITER.encode(tree).encode()


def pack_text(text: bytes, buffers: Sequence[Buffer]) -> list[Buffer]:
    """The parts of a frame whose text is written already.

    Raises: WireError, if it is too large to carry.
    """
    size = sum(map(len, buffers))
    if len(text) > MAX_TEXT or size > MAX_DATA:
        raise WireError(f"a message of {len(text) + size:,} bytes is too large to carry")
    return [HEAD.pack(len(text), size) + text, *buffers]


def sizes(head: Buffer | bytearray, limit: int = MAX_DATA) -> tuple[int, int]:
    """The lengths (text, data) that a header announces.

    Raises: TooLarge, if they exceed what is allowed; `limit` bytes for the data.
    """
    n_text: int
    n_data: int
    n_text, n_data = HEAD.unpack(head)
    if n_text > MAX_TEXT or n_data > limit:
        raise TooLarge(f"a frame announces {n_text + n_data:,} bytes, which is too large")
    return n_text, n_data


def parse(text: Buffer | bytearray) -> Any:
    """The tree of a frame's text.

    Raises: WireError, if it is anything but one JSON value in ASCII without NaN and infinities.
    """
    try:
        written = str(text, "ascii")
        if written.count("[") > MAX_LISTS:
            raise WireError(f"a frame holds more than {MAX_LISTS:,} lists and other values that are not single numbers")
        tree, end = _READER.raw_decode(written)
    except (ValueError, RecursionError):
        raise WireError("a frame's text is no JSON that is allowed here") from None
    if end != len(written):
        raise WireError("a frame's text is no JSON that is allowed here: something follows it")
    return tree


def empty(size: int) -> memoryview:
    """Memory for `size` bytes of a frame, at a multiple of `ALIGN`; the system provides it as it is written to."""
    room = np.empty(size + ALIGN, np.uint8)
    start = -room.ctypes.data % ALIGN
    return room.data[start : start + size]


def _refuse(constant: str) -> Any:
    raise ValueError(constant)


_WRITER = json.JSONEncoder(allow_nan=False, check_circular=False, separators=(",", ":"))
_READER = json.JSONDecoder(parse_constant=_refuse)
