"""What a submission will be answered when it calls a function of the checks, if it calls as the reference did.

A call back costs a round trip, and networks that are trained call their layers thousands of times. Most submissions ask
the very questions that the reference has asked, so the answers lie ready in the worker: each is sealed with its own
question, and nobody can read it who does not ask that, bit for bit. A submission that asks learns what it would be
told anyway; one that does not learns that it differs from the reference. It can also see how many calls are foretold:
where that gives away what is asked of it, the function is `unforetold`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b, shake_128
from typing import Any, TypeAlias

import numpy as np

from grader.wire import Buffer

Words: TypeAlias = tuple[bytes, bytes]  # the text of a frame without the id of the request, and its data

TAG = 16  # bytes of a question's digest that tell whether it is this question; the rest is the key
LENGTH = 8  # bytes of the length of a text


@dataclass(frozen=True, slots=True, kw_only=True)
class Foretold:
    """One call of a function of the checks, and the answer to it.

    Attributes:
        question: its digest.
        answer: its digest.
        sealed: the answer, to be read by whoever has the question.
    """

    question: bytes
    answer: bytes
    sealed: bytes


def foretell(question: Words, answer: Words) -> Foretold:
    """Seal an answer."""
    asked = digest(question)
    return Foretold(question=asked, answer=digest(answer), sealed=asked[:TAG] + _mixed(joined(answer), asked[TAG:]))


def unseal(question: Words, sealed: bytes) -> Words | None:
    """The answer to a question; None if it is the answer to another."""
    asked = digest(question)
    if asked[:TAG] != sealed[:TAG]:
        return None
    plain = _mixed(sealed[TAG:], asked[TAG:])
    start = LENGTH + int.from_bytes(plain[:LENGTH], "big")
    return plain[LENGTH:start], plain[start:]


def unforetold(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function; no call of it is foretold, and none that comes after it in the same request."""

    @functools.wraps(function)
    def asked(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    asked.__dict__["foretold"] = False
    return asked


def may_be_foretold(function: Callable[..., Any]) -> bool:
    return bool(getattr(function, "foretold", True))


def words(text: bytes, call: str, buffers: Sequence[Buffer]) -> Words:
    """A frame without the id of its request."""
    return text.replace(b'"%s"' % call.encode(), b'""', 1), b"".join(buffers)


def digest(said: Words) -> bytes:
    """64 bytes that stand for what was said."""
    return blake2b(joined(said)).digest()


def joined(said: Words) -> bytes:
    text, data = said
    return len(text).to_bytes(LENGTH, "big") + text + data


def _mixed(content: bytes, key: bytes) -> bytes:
    stream = np.frombuffer(shake_128(key).digest(len(content)), np.uint8)
    return (np.frombuffer(content, np.uint8) ^ stream).tobytes()
