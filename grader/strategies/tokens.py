"""Texts for a tokenizer to learn from, and others for it to encode."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from grader.strategies.basics import Compact, seeds

LETTERS = ("a", "b", "c", "ab", "ca", "abc")  # pieces that share pairs: what is merged first decides what comes after
SCRIPTS = ("é", "è", "日", "本", "🙂", "ö", "a", "n ", "éa")  # of one to four bytes, some of which are the same
SPECIALS = ("<|end|>", "[SEP]", "(*)", "§§ ")  # regular expressions read most of them otherwise; none overlap


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Corpus(Compact):
    """A text to learn `n_merges` merges from, another one of the same pieces to be encoded, and the special tokens."""

    text: str
    other: str
    special_tokens: list[str]
    n_merges: int
    seed: int

    @property
    def vocab_size(self) -> int:
        """256 bytes, the special tokens, and as many merges."""
        return 256 + len(self.special_tokens) + self.n_merges

    @property
    def given(self) -> dict[str, object]:
        """For `explain`: the inputs to show."""
        return {"text": repr(self.text), "vocab_size": self.vocab_size, "special_tokens": repr(self.special_tokens)}

    def __repr__(self) -> str:
        return (
            f"Corpus(text={self.text!r}, other={self.other!r}, special_tokens={self.special_tokens}, "
            f"n_merges={self.n_merges}, seed={self.seed})"
        )


@st.composite
def corpora(
    draw: DrawFn,
    *,
    pieces: Sequence[str] = LETTERS,
    specials: int = 0,
    max_pieces: int = 16,
    max_merges: int = 7,
) -> Corpus:
    """A `Corpus` of 2 to `max_pieces` pieces, in arbitrary order, with so many of the special tokens among them."""
    tokens = draw(st.permutations(SPECIALS))[:specials]
    words = st.lists(st.sampled_from([*pieces, *tokens]), min_size=2, max_size=max_pieces).map("".join)
    return Corpus(
        text=draw(words),
        other=draw(words),
        special_tokens=list(tokens),
        n_merges=draw(st.integers(1, max_merges)),
        seed=draw(seeds()),
    )
