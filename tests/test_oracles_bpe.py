"""Byte-pair encoding by brute force is byte-pair encoding, and what is held against it is judged by it."""

import itertools
import types
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader import strategies as gs
from grader.explain import Mismatch
from grader.oracles import bpe, tokenizers
from grader.strategies.tokens import SCRIPTS, SPECIALS

some = settings(max_examples=25, deadline=None)


def corpus(text, n_merges, special_tokens=(), other=""):
    return gs.Corpus(text=text, other=other, special_tokens=list(special_tokens), n_merges=n_merges, seed=0)


def trained(merges, special_tokens=(), **changes):
    """A submission whose training gives these merges, and the vocabulary that goes with them."""
    vocab = bpe.vocabulary(merges, special_tokens) | changes.get("vocab", {})
    return types.SimpleNamespace(train_bpe=lambda text, vocab_size, special_tokens: (vocab, merges))


class Tokenizer:
    """Encodes as brute force does, into the ids of a vocabulary."""

    def __init__(self, vocab, merges, special_tokens=(), backwards=False):
        self.vocab, self.ids = vocab, {token: number for number, token in vocab.items()}
        self.rules, self.options = (merges, special_tokens), {"backwards": backwards}

    def encode(self, text):
        return [self.ids[token] for token in bpe.encode(text, *self.rules, **self.options)]

    def decode(self, numbers):
        return b"".join(self.vocab[number] for number in numbers).decode("utf-8", errors="replace")


def test_the_words_of_sennrich_haddow_and_birch():
    words = "low " * 5 + "lower " * 2 + "newest " * 6 + "widest " * 3
    merges = bpe.train(words.replace(" ", "."), 6, ["."])
    assert [left + right for left, right in merges] == [b"st", b"est", b"ow", b"low", b"west", b"ne"]


def test_pairs_are_counted_at_every_position_and_merged_from_left_to_right():
    assert next(bpe.rounds("aaa"))[0] == {(b"a", b"a"): 2}
    assert next(bpe.rounds("aaa", overlapping=False))[0] == {(b"a", b"a"): 1}
    assert bpe.train("aaa", 5) == [(b"a", b"a"), (b"aa", b"a")]
    assert bpe.encode("aaaaa", [(b"a", b"a")]) == [b"aa", b"aa", b"a"]


@pytest.mark.parametrize(
    ("ties", "pair"), [("greatest", (b"c", b"a")), ("smallest", (b"a", b"d")), ("first", (b"b", b"c"))]
)
def test_ties_go_to_the_pair_that_is_asked_for(ties, pair):
    assert bpe.train("bcad", 1, ties=ties) == [pair]


def test_symbols_are_bytes_unless_characters_are_asked_for():
    assert bpe.train("éé", 1) == [(b"\xc3", b"\xa9")]
    assert bpe.train("éé", 1, characters=True) == [("é".encode(), "é".encode())]


def test_special_tokens_are_found_where_they_begin_first():
    parts = list(bpe.pieces("a[SEP][SEP]b<|end|>", ["<|end|>", "[SEP]"]))
    assert parts == [("a", False), ("[SEP]", True), ("[SEP]", True), ("b", False), ("<|end|>", True)]
    assert bpe.encode("[SEP]ab[SE", [(b"a", b"b")], ["[SEP]"]) == [b"[SEP]", b"ab", b"[", b"S", b"E"]
    assert bpe.train("abXab", 9, ["X"]) == [(b"a", b"b")]


@given(text=st.text(alphabet="ab", max_size=40) | st.text(alphabet="abc", max_size=40))
def test_no_two_merges_make_the_same_bytes(text):
    # so symbols may be numbers or bytes. What has become one symbol was merged as if it stood alone: nothing has been
    # merged across its ends, and in a row of equal symbols pairs are made from the left
    made = [left + right for left, right in bpe.train(text, len(text))]
    assert len(set(made)) == len(made)


@some
@given(case=gs.corpora(pieces=SCRIPTS, specials=2, max_pieces=30))
def test_a_text_is_the_tokens_of_its_encoding_and_its_merges_are_those_of_training(case):
    merges, tokens = bpe.learnt(case), case.special_tokens
    for text in (case.text, case.other):
        assert b"".join(bpe.encode(text, merges, tokens)) == text.encode()
    found = bpe.encode(case.text, merges, tokens)
    assert set(found) <= set(bpe.vocabulary(merges, tokens).values())
    rest = [pair for pair in itertools.pairwise(found) if not {token.encode() for token in tokens} & {*pair}]
    assert not set(rest) & set(merges)  # nothing is left to be merged
    assert case.vocab_size == 256 + len(tokens) + case.n_merges


@some
@given(case=gs.corpora())
def test_the_longest_tokens_are_not_always_those_of_the_merges(case):
    merges = bpe.learnt(case)
    assert b"".join(bpe.longest(case.other, merges)) == case.other.encode()


def test_longest_match_differs_from_merging():
    merges = [(b"b", b"c"), (b"a", b"b")]
    assert bpe.longest("abc", merges) == [b"ab", b"c"]
    assert bpe.encode("abc", merges) == [b"a", b"bc"]
    assert bpe.encode("abc", merges, backwards=True) == [b"ab", b"c"]


@given(seed=gs.seeds())
def test_ids_of_a_vocabulary_are_distinct_and_not_in_order(seed):
    vocab = bpe.vocabulary([(b"a", b"b")], ["[SEP]"], seed)
    assert len(vocab) == len(set(vocab.values())) == 258
    assert list(vocab) != sorted(vocab)
    assert {b"ab", b"[SEP]"} < set(vocab.values())


@given(case=gs.corpora(specials=len(SPECIALS)))
def test_special_tokens_do_not_overlap_and_none_begins_another(case):
    ends = [(one[-n:], other[:n]) for one in SPECIALS for other in SPECIALS for n in range(1, len(one))]
    assert not any(end == start for end, start in ends)
    assert sorted(case.special_tokens) == sorted(SPECIALS)
    assert case.given["text"] == repr(case.text)
    assert repr(case).startswith("Corpus(text=")


@some
@given(case=gs.corpora(specials=1))
def test_brute_force_passes_the_checks_of_tokenizers(case):
    merges, tokens = bpe.learnt(case), case.special_tokens
    tokenizers.check_training(trained(merges, tokens), case)
    vocab = bpe.vocabulary(merges, tokens, case.seed)
    right = bpe.encode(case.other, merges, tokens)
    tokenizers.check_encoding(Tokenizer(vocab, merges, tokens), case.other, right, vocab, what="tokenizer", given={})


def test_wrong_merges_are_told_with_their_counts_and_the_mistake():
    case = corpus("abcab", 2)
    mistakes = {"what ties give": [(b"a", b"b"), (b"ab", b"c")]}
    with pytest.raises(Mismatch, match=r"merges\[1\] is .*'ab', b'c'.*expected .*'c', b'ab'.* in 1 and") as caught:
        tokenizers.check_training(trained([(b"a", b"b"), (b"ab", b"c")]), case, mistakes)
    assert caught.value.relation == "merges are what ties give."
    assert "\n  merges are what ties give." in str(caught.value)


@pytest.mark.parametrize(
    ("merges", "told"),
    [([(b"a", b"b")], "until no pair is left"), ([(b"a", b"b"), (b"c", b"ab"), (b"ab", b"cab")], "are of the 258")],
)
def test_too_few_and_too_many_merges_are_told(merges, told):
    with pytest.raises(Mismatch, match=told):
        tokenizers.check_training(trained(merges), corpus("abcab", 2))


@pytest.mark.parametrize(
    ("merges", "told"),
    [
        (None, "expected a list"),
        ([(b"a",)], "expected 2 values"),
        ([("a", "b")], "expected a pair of bytes"),
    ],
)
def test_merges_that_are_no_pairs_of_bytes_are_refused(merges, told):
    with pytest.raises(Mismatch, match=told):
        tokenizers.pairs(merges, what="merges")


@pytest.mark.parametrize(
    ("vocab", "told"),
    [
        ([b"a"], "expected a dict"),
        ({"a": b"a"}, "expected an int and bytes"),
        ({1: "a"}, "expected an int and bytes"),
        ({byte: bytes([byte]) for byte in range(256)}, "it lacks"),
        (bpe.vocabulary([(b"a", b"b")], []) | {9999: b"ab"}, "some are there twice"),
        (bpe.vocabulary([(b"a", b"b"), (b"x", b"y")], []), r"\[b'xy'\] should not be there"),
    ],
)
def test_wrong_vocabularies_are_told(vocab, told):
    with pytest.raises(Mismatch, match=told):
        tokenizers.check_vocabulary(vocab, [(b"a", b"b")], [], what="vocab")


@pytest.mark.parametrize(("found", "told"), [("ab", "a list"), ([1.5], "expected an int"), ([-1], "no id")])
def test_ids_that_are_none_are_refused(found, told):
    with pytest.raises(Mismatch, match=told):
        tokenizers.ids(found, {0: b"a"}, what="ids")


def test_wrong_tokens_are_told_with_the_mistake():
    merges = [(b"b", b"c"), (b"a", b"b")]
    vocab, mistakes = bpe.vocabulary(merges, []), {"what the opposite order gives": [b"ab", b"c"]}
    backwards = Tokenizer(vocab, merges, backwards=True)
    with pytest.raises(Mismatch, match=r"tokens \[b'ab', b'c'\]; expected \[b'a', b'bc'\]") as caught:
        tokenizers.check_encoding(
            backwards, "abc", [b"a", b"bc"], vocab, what="it", given={"merges": merges}, mistakes=mistakes
        )
    assert caught.value.relation == "They are what the opposite order gives."


@pytest.mark.parametrize(("value", "told"), [(b"a", "expected a str"), ("b", "is 'b'; expected 'a'")])
def test_wrong_texts_are_told(value, told):
    with pytest.raises(Mismatch, match=told):
        tokenizers.check_text(value, "a", what="decode(ids)")


@given(st.data())
def test_a_corpus_has_as_many_pieces_and_merges_as_are_asked_for(data):
    case = data.draw(gs.corpora(pieces=["ab"], max_pieces=3, max_merges=2))
    assert case.text in ("abab", "ababab")
    assert 1 <= case.n_merges <= 2
    assert replace(case, n_merges=0).vocab_size == 256
