"""Byte-pair encoding by brute force: a text is counted anew before each merge, and merged by `str.replace`.

A symbol is one character here: a byte the character of its number, what merge k makes one of a private plane of
Unicode. So the pair (a, b) is the string ab, and to merge it is to replace that, from left to right.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np

from grader.strategies import Corpus

Pair = tuple[bytes, bytes]
Ties = Literal["greatest", "smallest", "first"]
PRIVATE = 0xF0000  # where characters without a meaning begin


def pieces(text: str, special_tokens: Sequence[str]) -> Iterator[tuple[str, bool]]:
    """The parts of a text and the special tokens between them, in order, each with whether it is special."""
    while text:
        starts = [(at, token) for token in special_tokens if (at := text.find(token)) >= 0]
        at, token = min(starts, default=(len(text), ""))
        if at:
            yield text[:at], False
        if token:
            yield token, True
        text = text[at + len(token) :]


def symbols(part: str) -> str:
    """The bytes of a text, a character each."""
    return part.encode("utf-8").decode("latin-1")


def rounds(
    text: str,
    special_tokens: Sequence[str] = (),
    *,
    ties: Ties = "greatest",
    overlapping: bool = True,
    characters: bool = False,
) -> Iterator[tuple[dict[Pair, int], Pair]]:
    """Before each merge: how often each pair occurs, in the order in which they do first; and the one that is merged.

    Args:
        ties: which of equally frequent pairs is merged.
        overlapping: whether "aaa" has the pair (a, a) twice.
        characters: whether the first symbols are characters, not bytes.
    """
    ordinary = [part for part, special in pieces(text, special_tokens) if not special]
    parts = ordinary if characters else [symbols(part) for part in ordinary]
    names = {symbol: symbol.encode("utf-8" if characters else "latin-1") for part in parts for symbol in part}
    while pairs := Counter(part[i : i + 2] for part in parts for i in range(len(part) - 1)):
        count = pairs if overlapping else {pair: sum(part.count(pair) for part in parts) for pair in pairs}
        named = {pair: (names[pair[0]], names[pair[1]]) for pair in count}
        highest = max(count.values())
        most = [pair for pair in count if count[pair] == highest]
        pair = most[0] if ties == "first" else (max if ties == "greatest" else min)(most, key=named.__getitem__)
        yield {named[pair]: times for pair, times in count.items()}, named[pair]
        new = chr(PRIVATE + len(names))
        names[new] = b"".join(named[pair])
        parts = [part.replace(pair, new) for part in parts]


def train(text: str, n_merges: int, special_tokens: Sequence[str] = (), **mistake: Any) -> list[Pair]:
    """The first merges of a text, or all that there are; `mistake` is an option of `rounds`."""
    return [pair for _, pair in itertools.islice(rounds(text, special_tokens, **mistake), n_merges)]


def encode(
    text: str, merges: Sequence[Pair], special_tokens: Sequence[str] = (), *, backwards: bool = False
) -> list[bytes]:
    """The tokens of a text: all merges, in the order of training (or backwards), each wherever it fits."""
    names = {chr(byte): bytes([byte]) for byte in range(256)}
    characters = {name: char for char, name in names.items()}
    rules = []
    for k, (left, right) in enumerate(merges):
        names[new := chr(PRIVATE + k)] = left + right
        rules.append((characters[left] + characters[right], new))
        characters[left + right] = new
    tokens: list[bytes] = []
    for part, special in pieces(text, special_tokens):
        if special:
            tokens.append(part.encode("utf-8"))
            continue
        part = symbols(part)
        for pair, new in reversed(rules) if backwards else rules:
            part = part.replace(pair, new)
        tokens += [names[char] for char in part]
    return tokens


def longest(text: str, merges: Sequence[Pair]) -> list[bytes]:
    """What is not byte-pair encoding: from left to right the longest token that fits."""
    tokens = sorted({left + right for left, right in merges}, key=len, reverse=True)
    data, found = text.encode("utf-8"), list[bytes]()
    while data:
        found.append(next((token for token in tokens if data.startswith(token)), data[:1]))
        data = data[len(found[-1]) :]
    return found


def learnt(corpus: Corpus, **mistake: Any) -> list[Pair]:
    """The merges of a corpus; `mistake` is an option of `train`."""
    return train(corpus.text, corpus.n_merges, corpus.special_tokens, **mistake)


def vocabulary(merges: Sequence[Pair], special_tokens: Sequence[str], seed: int = 0) -> dict[int, bytes]:
    """A vocabulary whose ids are in no order, and not the numbers from 0 on."""
    tokens = [bytes([byte]) for byte in range(256)] + [token.encode("utf-8") for token in special_tokens]
    tokens += [left + right for left, right in merges]
    rng = np.random.default_rng(seed)
    return dict(zip((7 + 3 * rng.permutation(len(tokens))).tolist(), tokens, strict=True))
