"""Text from outside, made safe to print: no control characters, no endless strings."""

from __future__ import annotations

import unicodedata

# Control, format (bidirectional, zero width), surrogate, private, unassigned characters; line and paragraph separators.
UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
ELLIPSIS = "…"


def plain(text: str, limit: int = 200, *, lines: bool = False) -> str:
    """`text` without characters that steer a terminal or hide, at most `limit` characters long.

    White space becomes a space, other unsafe characters become "�". `lines=True` keeps line breaks.
    """
    if limit < 1:
        raise ValueError(f"limit must be at least 1, got {limit}")
    short = text[: limit + 1]
    safe = "".join(_safe(character, lines) for character in short)
    return safe if len(safe) <= limit else safe[: limit - 1] + ELLIPSIS


def _safe(character: str, lines: bool) -> str:
    if character == "\n" and lines:
        return character
    if character in "\t\n\v\f\r\u2028\u2029\x85":
        return " "
    return "\N{REPLACEMENT CHARACTER}" if unicodedata.category(character) in UNSAFE else character
