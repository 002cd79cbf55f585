"""What a submitted tokenizer of assignment 6 has learnt, and what it makes of a text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from grader.explain import Mismatch, assert_list, describe, number, unchanged, unpack
from grader.explain.values import is_a
from grader.oracles import bpe
from grader.oracles.bpe import Pair
from grader.strategies import Corpus


def check_training(hw: Any, corpus: Corpus, mistakes: Mapping[str, Sequence[Pair]] | None = None) -> None:
    """`train_bpe` learns what brute force learns, vocabulary and merges.

    Args:
        mistakes: the merges that others learn, described to follow "merges are …".
    """
    __tracebackhide__ = True
    call = f"train_bpe({corpus.text!r}, {corpus.vocab_size}, {corpus.special_tokens})"
    with unchanged(call, special_tokens=corpus.special_tokens):
        result = hw.train_bpe(corpus.text, corpus.vocab_size, corpus.special_tokens)
    vocab, merges = unpack(result, ("vocab", "merges"), what=call)
    found, right = pairs(merges, what=f"{call} → merges"), bpe.learnt(corpus)
    if found != right:
        same = [text for text, wrong in (mistakes or {}).items() if found == wrong]
        relation = f"merges are {'; or '.join(same)}." if same else ""
        raise Mismatch(f"{call} → {_first_difference(found, right, corpus)}" + f"\n  {relation}" * bool(same), relation)
    check_vocabulary(vocab, right, corpus.special_tokens, what=f"{call} → vocab")


def _first_difference(found: list[Pair], right: list[Pair], corpus: Corpus) -> str:
    """Where two lists of merges part, and what there was to count."""
    if found == right[: len(found)]:
        size = f"There is room for {corpus.n_merges} in a vocab_size of {corpus.vocab_size}"
        return f"merges has {len(found)} entries; expected {len(right)}, until no pair is left. {size}."
    if right == found[: len(right)]:
        size = f"256 bytes and {len(corpus.special_tokens)} special tokens are of the {corpus.vocab_size}, too"
        return f"merges has {len(found)} entries; expected {len(right)}. {size}."
    i = next(i for i, pair in enumerate(right) if i >= len(found) or found[i] != pair)
    counts = list(bpe.rounds(corpus.text, corpus.special_tokens))[i][0]
    counted = " and ".join(f"{pair} in {counts.get(pair, 0)}" for pair in (found[i], right[i]))
    return f"merges[{i}] is {found[i]}; expected {right[i]}. Counted at every position, of places there are {counted}."


def pairs(value: object, *, what: str) -> list[Pair]:
    """A list of pairs of bytes."""
    __tracebackhide__ = True
    found = []
    for i, item in enumerate(assert_list(value, what=what)):
        left, right = unpack(item, ("left", "right"), what=f"{what}[{i}]")
        for part in (left, right):
            if type(part) is not bytes:
                raise Mismatch(f"{what}[{i}] holds {describe(part)}; expected a pair of bytes objects.")
        found.append((left, right))
    return found


def check_vocabulary(value: object, merges: Sequence[Pair], special_tokens: Sequence[str], *, what: str) -> None:
    """A dict from id to bytes that holds each token once, under any integers."""
    __tracebackhide__ = True
    if not is_a(value, dict):
        raise Mismatch(f"{what} is {describe(value)}; expected a dict from id to bytes.")
    vocab: dict[Any, Any] = value  # type: ignore[assignment]
    for key, token in vocab.items():
        if type(key) is not int or type(token) is not bytes:
            raise Mismatch(f"{what} maps {describe(key)} to {describe(token)}; expected an int and bytes.")
    right = sorted(bpe.vocabulary(merges, special_tokens).values())
    if sorted(vocab.values()) == right:
        return
    lacks = [token for token in right if token not in vocab.values()]
    odd = [token for token in vocab.values() if token not in right]
    told = [f"it lacks {lacks[:3]}"] * bool(lacks) + [f"{odd[:3]} should not be there"] * bool(odd)
    raise Mismatch(
        f"{what} has {len(vocab)} tokens; expected {len(right)}: 256 bytes, {len(special_tokens)} special tokens and "
        f"{len(merges)} merges{''.join(f'; {text}' for text in told) or '; some are there twice'}."
    )


def ids(value: object, vocab: Mapping[int, bytes], *, what: str) -> list[int]:
    """A list of ids of the vocabulary."""
    __tracebackhide__ = True
    found = []
    for i, item in enumerate(assert_list(value, what=what)):
        one = number(item)
        if not isinstance(one, int):
            raise Mismatch(f"{what}[{i}] is {describe(item)}; expected an int.")
        if one not in vocab:
            raise Mismatch(f"{what}[{i}] is {one}, which is no id of the vocabulary.")
        found.append(one)
    return found


def check_encoding(
    tokenizer: Any,
    text: str,
    right: Sequence[bytes],
    vocab: Mapping[int, bytes],
    *,
    what: str,
    given: Mapping[str, object],
    mistakes: Mapping[str, Sequence[bytes]] | None = None,
) -> None:
    """`encode` gives these tokens, and `decode` the text again.

    Args:
        what: how the tokenizer was made.
        given: what it was made of, to be shown.
        mistakes: what others make of the text, described to follow "they are …".
    """
    __tracebackhide__ = True
    call = f"{what}.encode({text!r})"
    found = ids(tokenizer.encode(text), vocab, what=call)
    tokens = [vocab[one] for one in found]
    shown = "".join(f"\n  {name}: {value}" for name, value in given.items())
    if tokens != list(right):
        same = [f"They are {wrong_way}." for wrong_way, wrong in (mistakes or {}).items() if tokens == list(wrong)]
        relation = same[0] if same else ""
        text = f"{call} gives the tokens {tokens}; expected {list(right)}."
        raise Mismatch("\n".join([text, *(f"  {line}" for line in same[:1])]) + shown, relation)
    check_text(tokenizer.decode(found), text, what=f"{what}.decode(of these ids)", shown=shown)


def check_text(value: object, right: str, *, what: str, shown: str = "") -> None:
    """What comes back is this text."""
    __tracebackhide__ = True
    if type(value) is not str:
        raise Mismatch(f"{what} returned {describe(value)}; expected a str.")
    if value != right:
        raise Mismatch(f"{what} is {value!r}; expected {right!r}.{shown}")
