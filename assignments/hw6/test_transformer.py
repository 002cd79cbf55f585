"""Public checks of assignment 6. Read them: each says in its first line what must hold, and how it is found out.

`hw` is your module. Expected values come from torch's own operations (see `grader.oracles`), which your module does
without, or from a property that must hold whatever the numbers are. Hypothesis draws the inputs, small ones first, and
shows the smallest that fails.
"""

import itertools
import math
import string
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.explain import (
    Mismatch,
    assert_array,
    assert_close,
    assert_drawn,
    assert_list,
    assert_scalar,
    describe,
    unchanged,
    unpack,
)
from grader.oracles import attention, bpe, recurrent, tensor, transformer
from grader.oracles.modules import Suspects, backward, detached, parameter_gradients, with_graph
from grader.oracles.optimisers import adam_mistakes, adamw, adamw_mistakes, check_path, for_arrays
from grader.oracles.positions import sinusoids, turned, waves
from grader.oracles.tokenizers import check_encoding, check_text, check_training, ids, pairs
from grader.sandbox.foretold import unforetold
from grader.strategies import Corpus, arrays, corpora, descents, gates, model_sizes, schedules, seeds, turns
from grader.strategies.attention import attentions
from grader.strategies.tokens import SCRIPTS
from grader.strategies.transformers import block_weights, languages, layers

pytestmark = [
    pytest.mark.own_work(  # what you write yourself is not left to these of torch
        *("layer_norm", "rms_norm", "batch_norm", "group_norm", "instance_norm", "gelu", "attention", "transformer"),
        by_hand=("sdpa_backward",),  # no automatic differentiation
    ),
    pytest.mark.filterwarnings("ignore"),  # only results count
]

DOUBLE = [np.float64]
MANY = "aZ 7\n\x00\x7fßéñ€日本語ψяआกء\u0301\ufeff\uffff🙂👩\U0010ffff"  # of one to four bytes, from here and there
some, few, rare = settings(max_examples=30), settings(max_examples=5), settings(max_examples=3)


# 1 · Bytes to tokens


def ends_early(corpus):
    """Whether 40 merges are more than there are."""
    return len(bpe.learnt(replace(corpus, n_merges=40))) < 40


def repetitive(length, times):
    """(a sentence of letters, a text that has it so many times, each followed by two other characters)

    The two are never the same again, so no pair with one of them is nearly as frequent as the pairs of the sentence:
    the first merges of the text are those of the sentence.
    """
    rng, marks = np.random.default_rng(1), itertools.product("0123456789!#$%&()*+,", repeat=2)
    sentence = "".join(rng.choice([*string.ascii_letters], length))
    return sentence, "".join(sentence + "".join(mark) for mark in itertools.islice(marks, times))


@cache
def learnt_by_heart(text):
    """All merges of a text."""
    return bpe.train(text, len(text))


@pytest.mark.task("train_bpe", points=5)
class TestTrainBpe:
    @pytest.mark.weight(2)
    @some
    @given(corpus=corpora())
    def test_merges_the_most_frequent_pair_each_time(self, hw, corpus):
        """The merges are those of a search that counts all pairs anew before each merge"""
        mistakes = {
            "what comes out if ties go to the smallest pair: of equally frequent ones take the greatest": "smallest",
            "what comes out if ties go to the pair that occurs first: take the greatest": "first",
        }
        related = {text: bpe.learnt(corpus, ties=ties) for text, ties in mistakes.items()}
        text = "what comes out if aaa has the pair (a, a) once: count at every position"
        related[text] = bpe.learnt(corpus, overlapping=False)
        check_training(hw, corpus, related)

    @some
    @given(letters=st.permutations("abcdefgh"), n=st.integers(3, 8), n_merges=st.integers(1, 3))
    def test_ties_go_to_the_greatest_pair(self, hw, letters, n, n_merges):
        """In a text of distinct letters all pairs are equally frequent, and the greatest one is merged first"""
        corpus = Corpus(text="".join(letters[:n]), other="", special_tokens=[], n_merges=n_merges, seed=0)
        related = {
            "what comes out if ties go to the smallest pair": bpe.learnt(corpus, ties="smallest"),
            "what comes out if ties go to the pair that occurs first": bpe.learnt(corpus, ties="first"),
        }
        check_training(hw, corpus, related)

    @some
    @given(run=st.integers(5, 9), others=st.permutations("bcdefg"), n_merges=st.integers(1, 2))
    def test_pairs_are_counted_at_every_position(self, hw, run, others, n_merges):
        """ "aaaaa" has the pair (a, a) four times, more than another pair that stands in three places"""
        x, y, *between = others
        parts = [f"{x}{y}{letter}" for letter in [*between, *"ABCDE"][: run - 2]]
        corpus = Corpus(text="a" * run + "".join(parts), other="", special_tokens=[], n_merges=n_merges, seed=0)
        text = "what comes out if the places of (a, a) may not overlap"
        check_training(hw, corpus, {text: bpe.learnt(corpus, overlapping=False)})

    @some
    @given(run=st.sampled_from([3, 5, 7]), x=st.sampled_from("bcd"), n=st.integers(2, 4), n_merges=st.integers(2, 4))
    def test_merges_from_left_to_right(self, hw, run, x, n, n_merges):
        """In "aaab" the first two a become one symbol, and the third is left over"""
        check_training(hw, Corpus(text=n * (run * "a" + x), other="", special_tokens=[], n_merges=n_merges, seed=0))

    @pytest.mark.weight(2)
    @some
    @given(corpus=corpora(specials=2))
    def test_special_tokens_split_the_text(self, hw, corpus):
        """Nothing is counted or merged in special tokens or across them; they are in the vocabulary, and count there"""
        plain, cut = corpus.text, corpus.text
        for token in corpus.special_tokens:
            cut = cut.replace(token, "")
        n = corpus.n_merges
        related = {
            "what comes out if special tokens are text like any other": bpe.train(plain, n),
            "what comes out if special tokens are taken out, and their neighbours become neighbours": bpe.train(cut, n),
            "what comes out without special tokens in the vocab_size": bpe.learnt(replace(corpus, n_merges=n + 2)),
        }
        check_training(hw, corpus, related)

    @some
    @given(corpus=corpora(specials=1, max_pieces=5, max_merges=1).filter(ends_early))
    def test_ends_when_no_pair_is_left(self, hw, corpus):
        """A short text has no pairs any more after a few merges, whatever the vocab_size; an empty one has none"""
        check_training(hw, replace(corpus, n_merges=40))
        check_training(hw, replace(corpus, text="", n_merges=40))

    @pytest.mark.timeout(15)  # at your desk
    def test_counts_only_what_a_merge_has_changed(self, hw):
        """A text of 300,000 bytes takes seconds: after a merge only the pairs around it are counted anew

        Counting the whole text before each of its nearly 900 merges takes about half a minute.
        """
        sentence, text = repetitive(length=1000, times=300)
        merges = learnt_by_heart(sentence)
        short = Corpus(text=sentence, other="", special_tokens=[], n_merges=len(merges), seed=0)
        found = unpack(hw.train_bpe(sentence, short.vocab_size, []), ("vocab", "merges"), what="train_bpe(…)")[1]
        if pairs(found, what="train_bpe(…) → merges") != merges:  # another check shows it better
            raise Mismatch("train_bpe: the merges of a sentence of 1,000 letters are not right, however long it takes.")
        found = unpack(hw.train_bpe(text, short.vocab_size, []), ("vocab", "merges"), what="train_bpe(…)")[1]
        if pairs(found, what="train_bpe(…) → merges") != merges:
            raise Mismatch(
                "train_bpe: a sentence of 1,000 letters, written 300 times with two other characters after each, has "
                "other merges than the sentence alone. All of its pairs are 300 times as frequent, and so come first."
            )


@pytest.mark.task("BPETokenizer", points=4)
class TestBPETokenizer:
    @pytest.mark.weight(2)
    @some
    @given(corpus=corpora())
    def test_merges_in_the_order_of_training(self, hw, corpus):
        """A text becomes the tokens that all merges make of it, the first one everywhere, then the second, …"""
        merges = bpe.learnt(corpus)
        vocab, related = (
            bpe.vocabulary(merges, [], corpus.seed),
            {
                "what comes out if the longest token that fits is taken, from left to right": bpe.longest(
                    corpus.other, merges
                ),
                "what the merges give in the opposite order": bpe.encode(corpus.other, merges, backwards=True),
                "bytes: nothing is merged": bpe.encode(corpus.other, []),
            },
        )
        right, given_ = bpe.encode(corpus.other, merges), {"merges": merges}
        tokenizer, what = hw.BPETokenizer(vocab, merges, []), "BPETokenizer(vocab, merges, [])"
        check_encoding(tokenizer, corpus.other, right, vocab, what=what, given=given_, mistakes=related)

    @pytest.mark.weight(2)
    @some
    @given(text=st.text(alphabet=MANY, max_size=20), corpus=corpora(pieces=SCRIPTS))
    def test_decode_gives_the_text_back(self, hw, text, corpus):
        """Any text of any script, encoded and decoded, is the same text, whatever was learnt before"""
        merges = bpe.learnt(corpus)
        vocab = bpe.vocabulary(merges, [], corpus.seed)
        tokenizer = hw.BPETokenizer(vocab, merges, [])
        for each in (text, corpus.other):
            call = f"BPETokenizer(vocab, merges, []).encode({each!r})"
            found = ids(tokenizer.encode(each), vocab, what=call)
            check_text(tokenizer.decode(found), each, what=f"the text of {found}, from {call},")

    @pytest.mark.weight(2)
    @some
    @given(corpus=corpora(specials=2))
    def test_special_tokens_are_one_id_each(self, hw, corpus):
        """Special tokens in a text are one id each, also side by side; merges do not reach across them"""
        merges, tokens = bpe.learnt(corpus), corpus.special_tokens
        vocab = bpe.vocabulary(merges, tokens, corpus.seed)
        related = {
            "what comes out if special tokens are read as text": bpe.encode(corpus.other, merges),
            "what comes out if special tokens are left out": [
                token for token in bpe.encode(corpus.other, merges, tokens) if token.decode("latin-1") not in tokens
            ],
        }
        right, given_ = bpe.encode(corpus.other, merges, tokens), {"merges": merges}
        tokenizer, what = hw.BPETokenizer(vocab, merges, tokens), f"BPETokenizer(vocab, merges, {tokens})"
        check_encoding(tokenizer, corpus.other, right, vocab, what=what, given=given_, mistakes=related)

    @some
    @given(text=st.lists(st.sampled_from("é日🙂a"), min_size=1, max_size=4).map("".join), seed=seeds())
    def test_half_a_character_becomes_the_replacement_character(self, hw, text, seed):
        """Bytes that are no UTF-8 are decoded to U+FFFD, as bytes.decode does with errors="replace\""""
        data, vocab = text.encode("utf-8"), bpe.vocabulary([], [], seed)
        numbers = {token: number for number, token in vocab.items()}
        tokenizer = hw.BPETokenizer(vocab, [], [])
        for part in (data, data[:-1], data[1:], data[1:-1]):
            what = f"BPETokenizer(vocab, [], []).decode(the ids of {part})"
            found = tokenizer.decode([numbers[bytes([byte])] for byte in part])
            check_text(found, part.decode("utf-8", errors="replace"), what=what)


# 2 · Layers


def vectors(x, seed):
    """A scale g and a shift b (d,) for x (..., d), in its dtype; none of the scales is near 1."""
    rng, d = np.random.default_rng(seed), x.shape[-1]
    g, b = rng.choice([-1.5, 0.5, 2.0], d) * rng.uniform(0.8, 1.1, d), rng.standard_normal(d)
    return g.astype(x.dtype), b.astype(x.dtype)


def normed(x, axis=-1, ddof=0, eps=1e-5):
    """x with mean 0 and variance 1 along an axis, but for eps."""
    variance = x.var(axis, keepdims=True, ddof=ddof)
    return (x - x.mean(axis, keepdims=True)) / np.sqrt(variance + np.asarray(eps, x.dtype))


@pytest.mark.task("layer_norm", points=2)
class TestLayerNorm:
    @given(x=arrays(ndim=3, min_side=2, offset=0.5), seed=seeds())
    def test_matches_torch(self, hw, x, seed):
        """Each token by itself gets mean 0 and variance 1 over its features; then it is scaled by g and shifted by b"""
        g, b = vectors(x, seed)
        right, centred = (
            torch.nn.functional.layer_norm(tensor(x), g.shape, tensor(g), tensor(b)),
            x - x.mean(-1, keepdims=True),
        )
        related = {
            "what the variance with d - 1 gives; population variance divides by d": normed(x, ddof=1) * g + b,
            "what comes out without the mean subtracted": x / np.sqrt(x.var(-1, keepdims=True) + 1e-5) * g + b,
            "what comes out without the scale g": normed(x) + b,
            "what comes out without the shift b": normed(x) * g,
            "what the mean and variance over the tokens give; here each token is normalised by itself, over its "
            "features": normed(x, axis=1) * g + b,
            "what the mean and variance of the whole array give": normed(x, axis=(0, 1, 2)) * g + b,
            "what comes out without the square root": centred / (x.var(-1, keepdims=True) + 1e-5) * g + b,
        }
        given_, what = {"x": x, "g": g, "b": b}, "layer_norm(x, g, b)"
        assert_close(hw.layer_norm(tensor(x), tensor(g), tensor(b)), right, what=what, given=given_, related=related)

    @given(x=arrays(ndim=2, min_side=2, dtypes=DOUBLE), seed=seeds(), eps=st.sampled_from([1e-5, 0.1, 0.5]))
    def test_eps_is_added_to_the_variance(self, hw, x, seed, eps):
        """eps stands inside the root, beside the variance; equal features give b, and no nan"""
        g, b = vectors(x, seed)
        x = np.concatenate([x, np.full_like(x[:1], 3.0)])
        right = torch.nn.functional.layer_norm(tensor(x), g.shape, tensor(g), tensor(b), eps)
        centred = x - x.mean(-1, keepdims=True)
        with np.errstate(all="ignore"):
            related = {
                "what eps outside the root gives": centred / (x.std(-1, keepdims=True) + eps) * g + b,
                "what comes out without eps": centred / x.std(-1, keepdims=True) * g + b,
                "what an eps of 1e-5 gives, whatever is asked": normed(x) * g + b,
            }
        given_, what = {"x": x, "g": g, "b": b}, f"layer_norm(x, g, b, eps={eps})"
        found = hw.layer_norm(tensor(x), tensor(g), tensor(b), eps=eps)
        assert_close(found, right, what=what, given=given_, related=related)


@pytest.mark.task("rms_norm", points=1)
class TestRmsNorm:
    @given(x=arrays(ndim=3, min_side=2, offset=0.5), seed=seeds(), eps=st.sampled_from([None, 0.1]))
    def test_matches_torch(self, hw, x, seed, eps):
        """Each token is divided by the root of the mean of its squares, plus eps, and scaled by g; the mean stays"""
        (g, _), options = vectors(x, seed), {} if eps is None else {"eps": eps}
        right = torch.nn.functional.rms_norm(tensor(x), g.shape, tensor(g), eps or 1e-5)
        mean, small = (x * x).mean(-1, keepdims=True), np.asarray(eps or 1e-5, x.dtype)
        related = {
            "what the sum of the squares gives; it is their mean": x / np.sqrt(x.shape[-1] * mean + small) * g,
            "what comes out with the mean subtracted, as in layer_norm": normed(x, eps=small) * g,
            "what comes out without the scale g": x / np.sqrt(mean + small),
            "what comes out without the square root": x / (mean + small) * g,
            "what eps outside the root gives": x / (np.sqrt(mean) + small) * g,
            "what the mean over the tokens gives": x / np.sqrt((x * x).mean(1, keepdims=True) + small) * g,
        }
        given_, what = {"x": x, "g": g}, "rms_norm(x, g)" if eps is None else f"rms_norm(x, g, eps={eps})"
        assert_close(hw.rms_norm(tensor(x), tensor(g), **options), right, what=what, given=given_, related=related)


@pytest.mark.task("gelu", points=1)
class TestGelu:
    @given(x=arrays(ndim=2, scale=2.0))
    def test_matches_torch(self, hw, x):
        """gelu(x) is x Φ(x), with the exact distribution function of the standard normal, not an approximation"""
        wide = tensor(x)
        right = torch.nn.functional.gelu(wide)
        related = {
            "what the approximation by tanh gives; here it is the exact one, by erf": torch.nn.functional.gelu(
                wide, approximate="tanh"
            ),
            "what the approximation x sigmoid(1.702 x) gives; here it is the exact one, by erf": wide
            * torch.sigmoid(1.702 * wide),
            "Φ(x), without the x before it": torch.special.ndtr(wide),
            "x erf(x / √2); Φ(x) is (1 + erf(x / √2)) / 2": wide * torch.erf(wide / 2**0.5),
            "what erf(x) gives; it is erf(x / √2)": wide * (1 + torch.erf(wide)) / 2,
            "ReLU": wide.clamp_min(0),
            "x sigmoid(x), which is called silu": torch.nn.functional.silu(wide),
        }
        assert_close(hw.gelu(tensor(x)), right, what="gelu(x)", given={"x": x}, related=related)


@pytest.mark.task("swiglu", points=1)
class TestSwiglu:
    @given(case=gates())
    def test_matches_torch(self, hw, case):
        """(silu(x W1) * (x W3)) W2 with silu(a) = a sigmoid(a)"""
        x, W1, W2, W3 = tensors = [tensor(array) for array in case.given.values()]
        silu, gelu = torch.nn.functional.silu, torch.nn.functional.gelu
        related = {
            "what comes out with W1 and W3 in each other's place: silu is of x W1": (silu(x @ W3) * (x @ W1)) @ W2,
            "what a sigmoid alone gives: silu(a) is a sigmoid(a)": (torch.sigmoid(x @ W1) * (x @ W3)) @ W2,
            "what gelu gives; it is silu": (gelu(x @ W1) * (x @ W3)) @ W2,
            "what comes out without the gate x W3": silu(x @ W1) @ W2,
            "what comes out without silu": ((x @ W1) * (x @ W3)) @ W2,
            "what the sum of the two gives; they are multiplied": (silu(x @ W1) + x @ W3) @ W2,
        }
        right = (silu(x @ W1) * (x @ W3)) @ W2
        assert_close(hw.swiglu(*tensors), right, what="swiglu(x, W1, W2, W3)", given=case.given, related=related)


# 3 · Positions


@pytest.mark.task("sinusoidal_positions", points=2)
class TestSinusoidalPositions:
    @given(T=st.integers(1, 12), d=st.sampled_from([2, 4, 6, 10]))
    def test_waves_of_growing_length_in_pairs_of_columns(self, hw, T, d):
        """Columns 2i and 2i + 1 are sin and cos of t / 10000**(2i/d); float32"""
        z, each = waves(T, d), np.outer(np.arange(T), 10_000.0 ** (-np.arange(d) / d))
        related = {
            "cos before sin: sin is in the even columns": sinusoids(T, d, cos_first=True),
            "all sines, then all cosines: they alternate": np.concatenate([z.imag, z.real], axis=1),
            "what comes out if each column has a wave length of its own; two columns share one": np.where(
                np.arange(d) % 2, np.cos(each), np.sin(each)
            ),
            "what comes out if t starts at 1": sinusoids(T, d, first=1),
            "what exponents of i/d give; they are 2i/d": sinusoids(T, d, power=0.5),
            "what angles of t * 10000**(2i/d) give: waves get longer, not shorter": sinusoids(T, d, power=-1.0),
        }
        right, what = tensor(sinusoids(T, d).astype(np.float32)), f"sinusoidal_positions({T}, {d})"
        assert_close(hw.sinusoidal_positions(T, d), right, what=what, related=related)


ROPE = "rope(x, positions)"


@pytest.mark.task("rope", points=3)
class TestRope:
    @pytest.mark.weight(2)
    @given(case=turns())
    def test_turns_each_pair_by_its_angle(self, hw, case):
        """Pair (x_{2i}, x_{2i+1}) at position t is multiplied, as a complex number, by exp(1j t 10000**(-2i/d))"""
        x, positions = tensor(case.x), tensor(case.positions)
        related = {
            "turned by minus the angle: counterclockwise is x_{2i} cos - x_{2i+1} sin first": turned(case, sign=-1),
            "what comes out if the pairs are (x_i, x_{i + d/2}); they are (x_{2i}, x_{2i+1}), side by side": turned(
                case, halves=True
            ),
            "what angles with i/d give; it is 2i/d": turned(case, power=0.5),
            "what angles with 2(i+1)/d give: i starts at 0": turned(case, first=1),
            "what comes out with all angles t: the rate 10000**(-2i/d) is missing": turned(case, power=0.0),
            "what comes out if each token's place is its position: use `positions`": turned(case, own=True),
            "x: nothing was turned": x,
        }
        rtol = 1e-5 if case.x.dtype == np.float64 else None  # the last check is about more digits
        found = hw.rope(x, positions)
        assert_close(found, turned(case), what=ROPE, given=case.given, related=related, rtol=rtol)

    @given(case=turns(dtypes=DOUBLE), shift=st.integers(1, 50))
    def test_products_depend_on_the_distance_alone(self, hw, case, shift):
        """<rope(q, m), rope(k, n)> stays the same if m and n grow by the same number; norms stay as they are"""
        q, k = case.x, case.x[..., ::-1].copy()
        m, n = case.positions, case.positions[..., ::-1].copy()
        found = []
        for more in (0, shift):
            turned_by = [hw.rope(tensor(each), tensor(positions + more)) for each, positions in ((q, m), (k, n))]
            for part in turned_by:
                assert_array(part, shape=q.shape, dtype=torch.float64, what=ROPE)
            found.append((turned_by[0] * turned_by[1]).sum(-1))
        what, given_ = "<rope(q, m), rope(k, n)>", {"q": q, "k": k, "m": m, "n": n}
        full = f"{what}, with {shift} added to m and n,"
        assert_close(found[1], found[0], what=full, given=given_, rtol=1e-5, atol=1e-5)
        same = hw.rope(tensor(q), tensor(m))
        assert_close(same.norm(dim=-1), tensor(q).norm(dim=-1), what="the norm of rope(x, positions)", rtol=1e-5)

    @given(case=turns(dtypes=DOUBLE, far=100_000))
    def test_large_positions_in_float64(self, hw, case):
        """In float64 the angles are computed in float64: float32 has no digits left for a position of 100,000"""
        related = {"what angles in float32 give": turned(case, single=True)}
        found = hw.rope(tensor(case.x), tensor(case.positions))
        assert_close(found, turned(case), what=ROPE, given=case.given, related=related, rtol=1e-8)


# 4 · Masks


@pytest.mark.task("causal_mask", points=1)
class TestCausalMask:
    @given(T=st.integers(2, 9))
    def test_each_token_sees_itself_and_what_came_before(self, hw, T):
        """Row t is True in the columns 0 … t, and False after that"""
        t = torch.arange(T)
        related = {
            "without the diagonal: a token attends to itself, too": t[:, None] > t,
            "the other way round: each token sees what comes after it": t[:, None] <= t,
            "True where attention is not allowed; it is True where it is": t[:, None] < t,
            "True one column too far: a token sees the one after it": t[:, None] + 1 >= t,
        }
        assert_close(hw.causal_mask(T), t[:, None] >= t, what=f"causal_mask({T})", related=related)


@pytest.mark.task("padding_mask", points=1)
class TestPaddingMask:
    @given(lengths=st.lists(st.integers(0, 6), min_size=1, max_size=5), more=st.integers(0, 2))
    def test_each_row_has_as_many_True_as_it_is_long(self, hw, lengths, more):
        """[b, 0, 0, t] is True for t < lengths[b]; lengths are from 0 to T"""
        T, given_ = max(6 + more, 1), torch.tensor(lengths)
        t, right = torch.arange(T), []
        for compare in (torch.lt, torch.le, torch.ge):
            right.append(compare(t, given_[:, None])[:, None, None])
        related = {
            "one column too long: there are lengths[b] tokens, at 0 … lengths[b] - 1": right[1],
            "True where there is padding; it is True where there is a token": right[2],
            "the other way round: valid tokens come first": right[0].flip(-1),
        }
        what = f"padding_mask({lengths}, {T})"
        assert_close(hw.padding_mask(given_, T), right[0], what=what, related=related)


# 5 · Attention


@pytest.mark.task("sdpa", points=5)
class TestSdpa:
    @given(case=attentions())
    def test_matches_the_attention_of_torch(self, hw, case):
        """softmax(q kᵀ / √d) v is what torch's own attention gives, with masks of any shape that broadcasts"""
        q, k, v, allowed = case.q, case.k, case.v, case.allowed
        d, scores = q.shape[-1], q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5
        p = torch.softmax(scores, -1)
        masked = scores.masked_fill(~allowed, -torch.inf)
        related = Suspects(
            {
                "what comes out without the scale 1/√d": lambda: attention.sdpa(q, k, v, case.mask, 1.0),
                "what 1/d gives; the scale is 1/√d": lambda: attention.sdpa(q, k, v, case.mask, 1 / d),
                "what 1/√e gives: d is the size of queries and keys": lambda: attention.sdpa(
                    q, k, v, case.mask, v.shape[-1] ** -0.5
                ),
                "what comes out without the mask": lambda: p @ v,
                "what the opposite mask gives: True is where attention is allowed": lambda: attention.sdpa(
                    q, k, v, ~allowed
                ),
                "what a mask after the softmax gives: the weights no longer sum to 1": lambda: (p * allowed) @ v,
                "what scores of 0 give where the mask forbids: exp(0) is 1; it takes -inf, or the smallest number": (
                    lambda: torch.softmax(scores * allowed, -1) @ v
                ),
                "what a softmax over the queries gives; it is over the keys": lambda: torch.softmax(masked, -2) @ v,
                "the scores times v, without softmax": lambda: (scores * allowed) @ v,
                "the mean of the values that are allowed, whatever the scores": lambda: attention.sdpa(
                    q * 0, k, v, case.mask
                ),
            }
        )
        self.check(hw, case, related)

    @given(case=attentions(kinds=["causal", "padding", "full", "rows", "columns"], empty=True))
    def test_a_query_that_may_attend_to_nothing_gets_0(self, hw, case):
        """Where the mask allows a query no key, its result is 0, and not nan; other queries are as ever"""
        q, k, v = case.q, case.k, case.v
        p = torch.softmax((q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5).masked_fill(~case.allowed, -1e300), -1)
        related = Suspects({"the mean of all values where nothing is allowed; expected is 0": lambda: p @ v})
        self.check(hw, case, related)

    @given(case=attentions(kinds=["full", "causal", "padding"], empty=True))
    def test_gradients_flow_and_are_0_where_nothing_is_allowed(self, hw, case):
        """Autograd's gradients by q, k and v are those of torch's attention; 0, not nan, where no key is allowed"""
        sample = hw.sdpa(*(torch.ones(1, 1, 1, 1, dtype=torch.float64, requires_grad=True) for _ in range(3)))
        parts = with_graph(sample, case.q, case.k, case.v)
        out = hw.sdpa(*parts, **self.options(case))
        assert_close(detached(out), attention.sdpa(case.q, case.k, case.v, case.mask), what=self.call(case))
        backward(out, case.do, what=self.call(case))
        for name, part, right in zip("qkv", parts, self.gradients(case), strict=True):
            what = f"the gradient through {self.call(case)} → d{name}"
            assert_close(part.grad, right, what=what, given=case.given | {"do": case.do}, sizes=case.sizes)

    @given(case=attentions(scale=1e4))
    def test_stable_for_large_scores(self, hw, case):
        """Scores of ±10,000 give the right weights, and no inf or nan"""
        self.check(hw, case)

    @staticmethod
    def options(case):
        return {} if case.mask is None else {"mask": case.mask}

    @staticmethod
    def call(case):
        return "sdpa(q, k, v)" if case.mask is None else "sdpa(q, k, v, mask)"

    @staticmethod
    def gradients(case):
        return attention.sdpa_backward(case.do, case.q, case.k, case.v, case.mask)

    def check(self, hw, case, related=None):
        out = hw.sdpa(case.q, case.k, case.v, **self.options(case))
        right = attention.sdpa(case.q, case.k, case.v, case.mask)
        assert_close(out, right, what=self.call(case), given=case.given, related=related, sizes=case.sizes)


@pytest.mark.task("sdpa_backward", points=6)
@pytest.mark.stand_in(sdpa=attention.sdpa)
class TestSdpaBackward:
    @pytest.mark.weight(2)
    @given(case=attentions())
    def test_matches_automatic_differentiation(self, hw, case):
        """dq, dk and dv are the derivatives of sum(do * sdpa(q, k, v, mask)), for random do"""
        q, k, v, do, allowed = case.q, case.k, case.v, case.do, case.allowed
        scale = q.shape[-1] ** -0.5
        p = torch.softmax((q @ k.transpose(-2, -1) * scale).masked_fill(~allowed, -torch.inf), -1)
        dp = torch.einsum("bhqe,bhke->bhqk", do, v)
        forgotten = torch.softmax(q @ k.transpose(-2, -1) * scale, -1)

        def through(ds):
            return {"dq": ds @ k, "dk": ds.transpose(-2, -1) @ q}

        mistakes = {
            "the gradient without the scale 1/√d": lambda: through(p * (dp - (dp * p).sum(-1, keepdim=True))),
            "what comes out without the sum: softmax sends back p * (dp - sum(dp * p))": lambda: through(
                p * dp * scale
            ),
            "what p * (1 - p) gives: that is the sigmoid, or the diagonal of softmax's Jacobian": lambda: through(
                p * (1 - p) * dp * scale
            ),
            "what the mean of dp gives in the place of sum(dp * p)": lambda: through(
                p * (dp - dp.mean(-1, keepdim=True)) * scale
            ),
            "what the sum over the queries gives; it is over the keys": lambda: through(
                p * (dp - (dp * p).sum(-2, keepdim=True)) * scale
            ),
            "what comes out without the mask": lambda: through(
                forgotten * (dp - (dp * forgotten).sum(-1, keepdim=True)) * scale
            ),
        }
        related = {
            name: Suspects({text: lambda make=make, name=name: make()[name] for text, make in mistakes.items()})
            for name in ("dq", "dk")
        }
        related["dv"] = Suspects({"what comes out without the mask": lambda: forgotten.transpose(-2, -1) @ do})
        self.check(hw, case, related)

    @given(case=attentions(kinds=["causal", "padding", "full", "rows"], empty=True))
    def test_a_query_that_may_attend_to_nothing_has_gradients_of_0(self, hw, case):
        """Where the mask allows a query no key, dq is 0, and it adds nothing to dk and dv"""
        self.check(hw, case)

    @given(case=attentions(scale=1e4))
    def test_stable_for_large_scores(self, hw, case):
        """Scores of ±10,000 give the right gradients, and no inf or nan"""
        self.check(hw, case)

    @staticmethod
    def check(hw, case, related=None):
        mask = () if case.mask is None else (case.mask,)
        what = "sdpa_backward(do, q, k, v, mask)" if mask else "sdpa_backward(do, q, k, v)"
        found = unpack(hw.sdpa_backward(case.do, case.q, case.k, case.v, *mask), ("dq", "dk", "dv"), what=what)
        expected = attention.sdpa_backward(case.do, case.q, case.k, case.v, case.mask)
        # products of scores near 10,000 cancel in the gradients, which then are right to fewer digits
        for name, part, right in zip(("dq", "dk", "dv"), found, expected, strict=True):
            mistakes, full = (related or {}).get(name), f"{what} → {name}"
            given_ = case.given | {"do": case.do}
            assert_close(part, right, what=full, given=given_, related=mistakes, sizes=case.sizes, atol=1e-10)


@pytest.mark.task("MultiHeadAttention", points=6)
@pytest.mark.stand_in(sdpa=attention.sdpa, rope=attention.rope)
class TestMultiHeadAttention:
    @given(case=layers(positions=["none"]))
    def test_matches_attention_head_by_head(self, hw, case):
        """Head i attends with the columns i * d_head … of x Wq, x Wk and x Wv; joined again, times Wo; in float64"""
        x, weights, n_heads = case.x, case.weights, case.n_heads
        swapped = weights | {"Wq": weights["Wk"], "Wk": weights["Wq"]}
        flipped = {name: W.T for name, W in weights.items()}

        def wrong(its=weights, heads=n_heads, mask=case.mask, **options):
            return lambda: attention.heads(x, its, heads, mask, **options)

        related = Suspects(
            {
                "what 1/√d_model gives; each head divides by √d_head": wrong(scale=case.d_model**-0.5),
                "what comes out without a scale": wrong(scale=1.0),
                "what comes out if x W is viewed as (B, h, T, d_head): first (B, T, h, d_head), then transpose": wrong(
                    cut="viewed"
                ),
                "what comes out if head i has every n_heads-th column; it has d_head columns side by side": wrong(
                    cut="interleaved"
                ),
                "what comes out if heads are joined without changing back the axes of heads and tokens": wrong(
                    joined=False
                ),
                "what comes out without Wo": wrong(projected=False),
                "what comes out if queries are made by Wk and keys by Wq": wrong(swapped),
                "what the transposes of the weights give: a weight acts as x @ W": wrong(flipped),
                "what comes out without the mask": wrong(mask=None),
            }
        )
        self.check(hw, case, related)

    @given(case=layers(positions=["shared", "each"]))
    def test_positions_turn_queries_and_keys(self, hw, case):
        """With positions, (T,) or (B, T), queries and keys are turned by rope after they are cut into heads"""

        def wrong(positions=case.positions, **options):
            return lambda: attention.heads(case.x, case.weights, case.n_heads, case.mask, positions, **options)

        related = Suspects(
            {
                "what comes out if values are turned, too": wrong(turned="qkv"),
                "what comes out if only queries are turned": wrong(turned="q"),
                "what comes out if only keys are turned": wrong(turned="k"),
                "what comes out without positions": wrong(positions=None),
                "what the pairs (i, i + d/2) give; rope turns the pairs (2i, 2i + 1)": wrong(halves=True),
                "what the positions 0, 1, 2, … give, not those that were passed": wrong(
                    positions=torch.arange(case.x.shape[1])
                ),
            }
        )
        self.check(hw, case, related)

    @few
    @given(case=layers())
    def test_gradients_reach_all_weights(self, hw, case):
        """After backward() the gradients of Wq, Wk, Wv and Wo, wherever they are kept, are those of torch"""
        module = self.made(hw, case)
        backward(module(case.x, **case.options), case.do, what=f"MultiHeadAttention{case.call}")
        leaves = {name: W.clone().requires_grad_() for name, W in case.weights.items()}
        out = attention.heads(case.x, leaves, case.n_heads, case.mask, case.positions)
        expected = dict(zip(leaves, torch.autograd.grad(out, list(leaves.values()), case.do), strict=True))
        for name, found in parameter_gradients(module, case.weights, what="MultiHeadAttention").items():
            what = f"the gradient of {name} after MultiHeadAttention{case.call}.backward(do)"
            assert_close(found, expected[name], what=what, given=case.given, sizes=case.sizes)

    def test_initial_weights_are_random_and_of_the_default_dtype(self, hw):
        """A new module works in float32, and no two are alike; x of 40 normal features gives results of about that size

        The deviation of the 1,600 results must be between 0.02 and 5: only weights that are 0, or not scaled, are out.
        """
        x = torch.from_numpy(np.random.default_rng(0).standard_normal((2, 20, 40))).float()
        outs = [detached(hw.MultiHeadAttention(40, 4)(x)) for _ in range(2)]
        for out in outs:
            what = "MultiHeadAttention(40, 4)(x), with new weights,"
            assert_array(out, shape=(2, 20, 40), dtype=torch.float32, what=what)
            if not 0.02 < (size := float(out.std())) < 5:
                raise Mismatch(
                    f"{what} has a standard deviation of {size:.3g}: are initial weights scaled by 1/√d_model?"
                )
        if torch.equal(*outs):
            raise Mismatch("Two new modules are alike: initial weights are drawn from torch's global generator.")

    @staticmethod
    def made(hw, case):
        module = hw.MultiHeadAttention(case.d_model, case.n_heads)
        module.set_weights(*case.weights.values())
        return module

    def check(self, hw, case, related):
        out = detached(self.made(hw, case)(case.x, **case.options))
        right = attention.heads(case.x, case.weights, case.n_heads, case.mask, case.positions)
        what = f"MultiHeadAttention{case.call}"
        assert_close(out, right, what=what, given=case.given, related=related, sizes=case.sizes)


# 6 · The model


@st.composite
def tables(draw, dtype=torch.float64, scale=2.0):
    """(ids (B, T + 1), the scores (B, T, V) that a model gives them); B, T and V all different."""
    B, T, V = draw(st.permutations([1, 2, 3, 4, 5, 6]))[:3]
    rng = np.random.default_rng(draw(seeds()))
    scores = torch.from_numpy(scale * rng.standard_normal((B, T, V + 1))).to(dtype)
    return torch.from_numpy(rng.integers(0, V + 1, (B, T + 1))), scores


def own_attention(hw, case):
    """The submission's own attention with the weights of a block, as a function of tensors."""
    module = hw.MultiHeadAttention(case.d_model, case.n_heads)
    module.set_weights(*(case.weights[name] for name in ("Wq", "Wk", "Wv", "Wo")))

    def attend(x):
        out = detached(module(x, **case.options))
        assert_array(out, shape=tuple(x.shape), dtype=x.dtype, what=f"MultiHeadAttention{case.call}")
        return out

    return attend


def own_blocks(hw, case):
    """The submission's own blocks with the weights of a model, as functions of tensors, masked and turned."""
    T = case.ids.shape[1]
    mask, positions, found = torch.ones(T, T, dtype=torch.bool).tril(), torch.arange(T), []
    for weights in case.weights["blocks"]:
        block = hw.TransformerBlock(case.d_model, case.n_heads, weights["W_in"].shape[1])
        block.set_weights(weights)
        found.append(block)

    def through(block):
        def apply(x, mask=mask, positions=positions):
            out = detached(block(x, mask=mask, positions=positions))
            assert_array(out, shape=tuple(x.shape), dtype=x.dtype, what="TransformerBlock(x, mask, positions)")
            return out

        return apply

    return [through(block) for block in found]


def own_scores(hw, case):
    """The scores that the submission's own blocks would give, for all but the last column of ids."""
    short = replace(case, ids=case.ids[:, :-1])
    return transformer.scores(short.ids, case.weights, own_blocks(hw, short))


def made(hw, case):
    """A GPT with the weights of a case."""
    model = hw.GPT(*case.arguments, **case.options)
    model.set_weights(case.weights)
    return model


@pytest.mark.task("TransformerBlock", points=4)
@pytest.mark.stand_in(layer_norm=attention.layer_norm, gelu=attention.gelu, sdpa=attention.sdpa)
class TestTransformerBlock:
    """Held against a block around your own MultiHeadAttention, right or wrong."""

    @given(case=layers(block=True))
    def test_adds_attention_and_then_the_small_network(self, hw, case):
        """x + attention(norm1(x)), then x + gelu(norm2(x) W_in) W_out, in float64"""
        out = detached(self.made(hw, case)(case.x, **case.options))
        attend = own_attention(hw, case)

        def wrong(**options):
            return lambda: transformer.block(case.x, case.weights, attend, **options)

        def over_tokens(x, g, b):
            return (x - x.mean(1, keepdim=True)) / (x.var(1, keepdim=True, unbiased=False) + 1e-5).sqrt() * g + b

        related = Suspects(
            {
                "what comes out without adding x to what attention finds": wrong(kept=(False, True)),
                "what comes out without adding x to what the small network gives": wrong(kept=(True, False)),
                "what comes out if the norms stand after the sums; they stand before the two parts": wrong(
                    before=False
                ),
                "what comes out without the first norm": wrong(norms=("", "2")),
                "what comes out without the second norm": wrong(norms=("1", "")),
                "what comes out if both norms have g1 and b1": wrong(norms=("1", "1")),
                "what comes out if g1, b1 and g2, b2 are in each other's place": wrong(norms=("2", "1")),
                "what relu gives; between W_in and W_out stands gelu": wrong(activation=torch.relu),
                "what the approximation of gelu by tanh gives; gelu is x Φ(x)": wrong(
                    activation=lambda a: torch.nn.functional.gelu(a, approximate="tanh")
                ),
                "what comes out without gelu": wrong(activation=lambda a: a),
                "what comes out if norms go over the tokens; they go over the features of each": wrong(
                    norm=over_tokens
                ),
            }
        )
        right = transformer.block(case.x, case.weights, attend)
        what = f"TransformerBlock{case.call}"
        assert_close(out, right, what=what, given=case.given, related=related, sizes=case.sizes)

    @few
    @given(case=layers(block=True))
    def test_gradients_reach_all_weights(self, hw, case):
        """All ten weights get torch's gradients, wherever they are kept (if the block is right, see above)"""
        module, leaves = self.made(hw, case), {name: W.clone().requires_grad_() for name, W in case.weights.items()}
        out, right = module(case.x, **case.options), self.whole(case, leaves)
        if not torch.allclose(own_attention(hw, case)(case.x), self.attend(case, case.weights)(case.x)):
            return  # the checks of MultiHeadAttention say so
        assert_close(detached(out), right.detach(), what=f"TransformerBlock{case.call}", given=case.given)
        backward(out, case.do, what=f"TransformerBlock{case.call}")
        expected = dict(zip(leaves, torch.autograd.grad(right, list(leaves.values()), case.do), strict=True))
        for name, found in parameter_gradients(module, case.weights, what="TransformerBlock").items():
            what = f"the gradient of {name} after TransformerBlock{case.call}.backward(do)"
            assert_close(found, expected[name], what=what, given=case.given, sizes=case.sizes)

    @staticmethod
    def made(hw, case):
        module = hw.TransformerBlock(case.d_model, case.n_heads, case.d_ff)
        module.set_weights(case.weights)
        return module

    @staticmethod
    def attend(case, weights):
        return lambda x: attention.heads(x, weights, case.n_heads, case.mask, case.positions)

    def whole(self, case, weights):
        return transformer.block(case.x, weights, self.attend(case, weights))


@pytest.mark.task("GPT", points=6)
@pytest.mark.stand_in(layer_norm=attention.layer_norm, sdpa=attention.sdpa)
class TestGPT:
    """Held against a model of your own TransformerBlocks, right or wrong."""

    @settings(max_examples=10)
    @given(case=languages())
    def test_is_an_embedding_blocks_a_norm_and_the_embedding_again(self, hw, case):
        """Scores are those of E[ids] through the blocks, causal and with positions 0, 1, …, the last norm, and Eᵀ"""
        out, blocks = detached(made(hw, case)(case.ids)), own_blocks(hw, case)
        T = case.ids.shape[1]

        def wrong(**options):
            return lambda: transformer.scores(case.ids, case.weights, blocks, **options)

        def inside(**options):
            changed = [lambda x, block=block: block(x, **options) for block in blocks]
            return lambda: transformer.scores(case.ids, case.weights, changed)

        related = Suspects(
            {
                "what comes out without the last norm": wrong(normed=False),
                "what comes out if E[ids] is multiplied by √d_model": wrong(scale=case.d_model**0.5),
                "what comes out without a mask: each token sees what comes after it": inside(mask=None),
                "what comes out if a token does not attend to itself": inside(
                    mask=torch.ones(T, T, dtype=torch.bool).tril(-1)
                ),
                "what comes out if tokens attend to themselves and to what comes after": inside(
                    mask=torch.ones(T, T, dtype=torch.bool).triu()
                ),
                "what comes out without positions": inside(positions=None),
                "what comes out after the first block alone": lambda: transformer.scores(
                    case.ids, case.weights, blocks[:1]
                ),
                "what comes out if the blocks are in the opposite order": lambda: transformer.scores(
                    case.ids, case.weights, blocks[::-1]
                ),
            }
        )
        right = transformer.scores(case.ids, case.weights, blocks)
        assert_close(out, right, what="GPT(ids)", given=case.given, related=related, sizes=case.sizes)

    @staticmethod
    def blocks_leak(hw, case, other, t):
        """Whether blocks by themselves, with a causal mask, let the token at t change what is before it."""
        pair = [
            transformer.scores(each.ids, case.weights, own_blocks(hw, each))
            for each in (case, replace(case, ids=other))
        ]
        return not torch.allclose(pair[0][:, :t], pair[1][:, :t])

    @few
    @given(case=languages(T=6, spare=0))
    def test_what_comes_later_changes_nothing_before(self, hw, case):
        """With another token at place t, the scores of the places before t stay what they were"""
        model, B = made(hw, case), case.ids.shape[0]
        before = detached(model(case.ids))
        assert_array(before, shape=(B, 6, case.V), dtype=torch.float64, what="GPT(ids)")
        for t in (1, 4, 5):
            other = case.ids.clone()
            other[:, t] = (other[:, t] + 1) % case.V
            after = detached(model(other))
            assert_array(after, shape=(B, 6, case.V), dtype=torch.float64, what="GPT(ids)")
            what = f"GPT(ids)[:, :{t}], with another token at {t},"
            if not torch.allclose(after[:, :t], before[:, :t]) and self.blocks_leak(hw, case, other, t):
                return  # the checks of the blocks, or of attention, say so
            assert_close(after[:, :t], before[:, :t], what=what, given=case.given)
            if torch.allclose(after[:, t], before[:, t]):
                raise Mismatch(f"GPT(ids)[:, {t}] stays the same with another token at {t}: a token sees itself.")

    @given(T=st.integers(2, 5), more=st.integers(1, 3))
    def test_refuses_more_than_max_T_tokens(self, hw, T, more):
        """ids of max_T tokens are read; a ValueError is raised for more; max_T is an attribute"""
        model = hw.GPT(7, 4, 2, 1, T)
        assert_scalar(model.max_T, T, what=f"GPT(7, 4, 2, 1, {T}).max_T")
        what = f"GPT(7, 4, 2, 1, {T})(ids)"
        assert_array(
            detached(model(torch.zeros(3, T, dtype=torch.int64))), shape=(3, T, 7), dtype=torch.float32, what=what
        )
        try:
            out = model(torch.zeros(3, T + more, dtype=torch.int64))
        except ValueError:
            return
        raise Mismatch(
            f"{what} returned {describe(out)} for {T + more} tokens; expected is that it raises a ValueError."
        )

    @few
    @given(case=languages(T=5))
    def test_gradients_reach_all_weights_and_E_on_both_its_ways(self, hw, case):
        """All weights get torch's gradients of the cross-entropy, E those of both its uses (if the scores are right)"""
        model = made(hw, case)
        scores = model(case.ids[:, :-1])
        right = transformer.gpt(case.ids[:, :-1], case.weights, case.n_heads)
        if not torch.allclose(own_scores(hw, case), right):
            return  # the checks of the blocks say so
        assert_close(detached(scores), right, what="GPT(ids)", given=case.given, sizes=case.sizes)
        right.requires_grad_()
        (dscores,) = torch.autograd.grad(transformer.loss(right, case.ids), right)
        backward(scores, dscores, what="GPT(ids)")
        expected = transformer.gpt_gradients(case.ids, case.weights, case.n_heads)
        for name, found in parameter_gradients(model, case.named, what="GPT").items():
            what = f"the gradient of {name} after a backward pass of the loss of GPT"
            assert_close(found, expected[name], what=what, given=case.given, sizes=case.sizes)

    def test_knows_nothing_at_the_start(self, hw):
        """A new model gives all tokens about the same probability: its loss is ln V, give or take 1

        With initial scores of variance s² the expected loss is ln V + s²/2. The reference has s = 0.16; embeddings of
        deviation 1/√d_model give s = 1 (in 20 seeds the loss was ln V + 0.38 to 0.64), those of deviation 1 √d_model.
        """
        ids = torch.from_numpy(np.random.default_rng(0).integers(0, 50, (4, 33)))
        scores = detached(hw.GPT(50, 64, 4, 2, 32)(ids[:, :-1]))
        what = "GPT(50, 64, 4, 2, 32)(ids), with new weights,"
        assert_array(scores, shape=(4, 32, 50), dtype=torch.float32, what=what)
        loss = float(transformer.loss(scores, ids))
        if abs(loss - math.log(50)) > 1:
            raise Mismatch(
                f"{what} has a loss of {loss:.2f}; expected near ln 50 = 3.91. E serves as the last layer as well: its "
                "initial numbers must be small, 0.02 or 1/√d_model, say."
            )


@pytest.mark.task("language_model_loss", points=2)
class TestLanguageModelLoss:
    @given(case=tables())
    def test_is_the_mean_cross_entropy_of_the_next_tokens(self, hw, case):
        """The model reads the first T tokens and is asked for the last T; -log p of each, and the mean of all"""
        ids, scores = case
        asked = []

        def model(read):
            asked.append(read)
            return scores

        B, T, V = scores.shape
        loss = hw.language_model_loss(model, ids)
        if len(asked) != 1:
            raise Mismatch(f"language_model_loss(model, ids) called the model {len(asked)} times; expected once.")
        what = "what language_model_loss gives the model to read"
        related = {"ids[:, 1:]; it reads the first T tokens": ids[:, 1:]}
        assert_close(asked[0], ids[:, :-1], what=what, given={"ids": ids}, related=related)
        right, log_p = transformer.loss(scores, ids), torch.log_softmax(scores, -1)

        def picked(log_p, targets):
            return -log_p.gather(-1, targets[..., None]).mean()

        related = {
            "what comes out if the targets are not shifted: the model would be asked for what it reads": picked(
                log_p, ids[:, :-1]
            ),
            "the sum over all tokens; expected is the mean": right * B * T,
            "the sum over the tokens of a row, the mean over rows; expected is the mean of all": right * T,
            "the mean over the vocabulary as well": right / V,
            "minus the expected value: -log p is positive": -right,
            "the loss in bits; the logarithm is the natural one": right / math.log(2),
            "what the last token alone gives": picked(log_p[:, -1:], ids[:, -1:]),
        }
        what, sizes = "language_model_loss(model, ids)", {"B": B, "T": T, "V": V}
        loss = detached(loss)
        assert_array(loss, shape=(), dtype=torch.float64, what=what)
        assert_scalar(loss, right, what=what, given={"ids": ids, "scores": scores}, related=related, sizes=sizes)

    @few
    @given(case=tables())
    def test_its_gradient_is_that_of_the_cross_entropy(self, hw, case):
        """The gradient by the model's scores is (softmax - one-hot) / (B T)"""
        ids, scores = case
        sample = hw.language_model_loss(lambda read: torch.zeros_like(scores).requires_grad_(), ids)
        (made,) = with_graph(sample, scores)
        loss = hw.language_model_loss(unforetold(lambda read: made), ids)
        assert_array(detached(loss), shape=(), dtype=torch.float64, what="language_model_loss(model, ids)")
        backward(loss, torch.ones((), dtype=torch.float64), what="language_model_loss(model, ids)")
        leaf = scores.clone().requires_grad_()
        (right,) = torch.autograd.grad(transformer.loss(leaf, ids), leaf)
        what = "the gradient of language_model_loss(model, ids) by the scores"
        assert_close(made.grad, right, what=what, given={"ids": ids, "scores": scores})


# 7 · Training


def check_schedule(hw, case, t):
    """The step size of update t, and what others make of it."""
    warmup, total, high, low = case.warmup, case.total, case.eta_max, case.eta_min

    def eta(t, start=warmup, end=total):
        return low + (high - low) * math.cos(math.pi / 2 * min(max((t - start) / (end - start), 0.0), 1.0)) ** 2

    right = t / warmup * high if t < warmup else eta(t)
    way, share = min((t - warmup) / (total - warmup), 1.0), (eta(t) - low) / (high - low)
    related = {
        "what a warm-up of (t + 1) / warmup gives; t starts at 0": min(1.0, (t + 1) / max(warmup, 1)) * high,
        "what a warm-up from eta_min gives; it starts at 0": low + (high - low) * t / max(warmup, 1),
        "what comes out without a warm-up": eta(t) if t >= warmup else high,
        "what comes out if the cosine starts at t = 0; it starts at t = warmup": eta(t, start=0),
        "what comes out if the cosine takes total updates after the warm-up; it ends at t = total": eta(
            t, end=warmup + total
        ),
        "what a cosine that goes on after total gives: from there on it is eta_min": low
        + (high - low) * (1 + math.cos(math.pi * (t - warmup) / (total - warmup))) / 2,
        "what a whole period of the cosine gives; it is half of one": low
        + (high - low) * (1 + math.cos(2 * math.pi * way)) / 2,
        "what a straight line down gives": high + (low - high) * way,
        "what eta_min on top of a cosine from eta_max to 0 gives; it starts at eta_max": low + high * share,
        "what a cosine down to 0 gives; it ends at eta_min": high * share,
    }
    found = hw.cosine_schedule(t, warmup, total, high, low)
    assert_scalar(found, float(right), what=case.call(t), related=related)


@pytest.mark.task("adamw", points=3)
class TestAdamw:
    @pytest.mark.weight(2)
    @given(case=descents(dtypes=DOUBLE))
    def test_steps_as_torch_does(self, hw, case):
        """Ten steps on a quadratic are those of torch.optim.AdamW; by default the decay is 0.01"""
        check_path(for_arrays(hw.adamw, "adamw"), "adamw", case, adamw, adamw_mistakes(case.eta, 0.01))

    @given(case=descents(dtypes=DOUBLE), decay=st.sampled_from([0.0, 0.5, 2.0]))
    def test_the_decay_goes_around_the_scaling(self, hw, case, decay):
        """Each step first makes w smaller by the factor 1 - eta * weight_decay; Adam's step does not know of it"""
        mistakes = adamw_mistakes(case.eta, decay) if decay else adam_mistakes(case.eta)
        check_path(for_arrays(hw.adamw, "adamw"), "adamw", case, adamw, mistakes, n_steps=4, weight_decay=decay)

    @few
    @given(case=descents(dtypes=DOUBLE))
    def test_nothing_but_decay_without_a_gradient(self, hw, case):
        """Where the gradient is 0, w shrinks by the factor 1 - eta * weight_decay, and stays finite"""
        step, w, state = for_arrays(hw.adamw, "adamw"), case.w, None
        for t in range(3):
            moved, state = step(w, np.zeros_like(w), state, case.eta, weight_decay=0.5)
            right, what = w * (1 - 0.5 * case.eta), f"w after step {t + 1} of adamw(w, 0, state, eta, weight_decay=0.5)"
            assert_close(moved, right, what=what, given={"w": w, "eta": case.eta}, related={"w: nothing decays": w})
            w = right


@pytest.mark.task("cosine_schedule", points=2)
class TestCosineSchedule:
    @pytest.mark.weight(2)
    @given(case=schedules(), t=st.integers(0, 40))
    def test_a_line_then_half_a_cosine_then_a_constant(self, hw, case, t):
        """Up along a line to eta_max at t = warmup, down by half a cosine to eta_min at t = total, which stays"""
        check_schedule(hw, case, t)

    @given(case=schedules())
    def test_the_corners(self, hw, case):
        """0 at the start (eta_max without a warm-up), eta_max at warmup, eta_min at total and ever after"""
        for t in (0, case.warmup, case.total, case.total + 1, 10 * case.total):
            check_schedule(hw, case, t)


CLIP_RTOL = 1e-5  # max_norm may be divided by the norm plus a small constant


def several(seed, dtype):
    """Arrays of several shapes and scales."""
    rng, shapes = np.random.default_rng(seed), {(3, 2): 1.0, (4,): 3.0, (2, 1, 3): 0.5}
    return [(size * rng.standard_normal(shape)).astype(dtype) for shape, size in shapes.items()]


def total_norm(arrays_):
    """The norm of all values together."""
    return float(np.sqrt(sum(np.sum(array.astype(np.float64) ** 2) for array in arrays_)))


def clip(hw, arrays_, max_norm):
    """(new tensors, norm before) of `clip_grad_norm`, which leaves what it is given as it is."""
    grads, what = [tensor(array) for array in arrays_], "clip_grad_norm(grads, max_norm)"
    with unchanged(what, grads=grads):
        clipped, norm = unpack(hw.clip_grad_norm(grads, max_norm), ("grads", "norm"), what=what)
    return assert_list(clipped, what=f"{what} → grads", length=len(grads)), norm


@pytest.mark.task("clip_grad_norm", points=2)
class TestClipGradNorm:
    @given(seed=seeds(), dtype=st.sampled_from([np.float64, np.float32]), share=st.sampled_from([0.1, 0.7, 1.5, 40.0]))
    def test_one_factor_for_all_tensors(self, hw, seed, dtype, share):
        """Over max_norm all tensors are scaled to that norm together, else they stay; the norm before is returned"""
        arrays_ = several(seed, dtype)
        norm, norms = total_norm(arrays_), [total_norm([array]) for array in arrays_]
        max_norm, factor = norm * share, min(1.0, share)
        clipped, found = clip(hw, arrays_, max_norm)
        given_, what = {"the norm of grads": norm, "max_norm": max_norm}, "clip_grad_norm(grads, max_norm)"
        related = {
            "the norm after the scaling; it is that before": max_norm * factor / share,
            "the square of the norm": norm**2,
            "the sum of the norms of the tensors; it is the norm of all values together": sum(norms),
        }
        assert_scalar(found, norm, what=f"{what} → norm", given=given_, related=related, dtype=dtype)
        for i, array in enumerate(arrays_):
            related = {
                "scaled up to max_norm: a norm that is small enough stays": array * share,
                "scaled by this tensor's own norm; the norm is that of all together": array
                * min(1.0, max_norm / norms[i]),
                "each value cut to ±max_norm: here all are scaled by one factor": np.clip(array, -max_norm, max_norm),
                "as it was": array,
                "divided by the norm, but not multiplied by max_norm": array / norm,
            }
            full, right = f"{what} → grads[{i}]", tensor((array * factor).astype(dtype))
            assert_close(
                clipped[i], right, what=full, given=given_ | {f"grads[{i}]": array}, related=related, rtol=CLIP_RTOL
            )


# 8 · Writing


def biases(V=5):
    """Scores between -1.5 and 1.5, no two nearer than 0.3, in random order."""
    return seeds().map(lambda seed: np.random.default_rng(seed).permutation(np.linspace(-1.5, 1.5, V)))


def constant(hw, scores, max_T, dtype=torch.float64):
    """A model that gives these scores (V,), whatever it reads: its last norm has scale 0, its shift finds them in E."""
    V = scores.size
    E = np.concatenate([scores[:, None], np.random.default_rng(0).standard_normal((V, 3))], axis=1)
    rng, b = np.random.default_rng(1), torch.tensor([1.0, 0, 0, 0], dtype=dtype)
    block = {name: W.to(dtype) for name, W in block_weights(rng, 4, 6).items()}
    model = hw.GPT(V, 4, 2, 1, max_T, d_ff=6)
    model.set_weights({"E": torch.from_numpy(E).to(dtype), "blocks": [block], "g": torch.zeros(4, dtype=dtype), "b": b})
    return model


def softmax(scores):
    return torch.softmax(tensor(scores), dim=-1).numpy()


def only(p, kept):
    """Probabilities with these tokens alone."""
    part = np.zeros_like(p)
    part[kept] = p[kept]
    return part / part.sum()


@pytest.mark.task("generate", points=5)
class TestGenerate:
    """Held against your own model, right or wrong: what it says of the next token decides."""

    @few
    @given(case=languages(T=st.sampled_from([1, 4]), n_layers=[2], spread=3.0))
    def test_takes_the_most_probable_token_at_temperature_0(self, hw, case):
        """At temperature 0 each token is the most probable one after all before it, with and without cache"""
        model, prompt = made(hw, case := replace(case, most=case.ids.shape[1] + 6)), case.ids[0]
        for use_cache in (False, True):
            what = f"generate(model, ids, 6, temperature=0, use_cache={use_cache})"
            written = hw.generate(model, prompt, 6, temperature=0, use_cache=use_cache)
            assert_array(written, shape=(6,), dtype=torch.int64, what=what)
            read = prompt
            for i, token in enumerate(written.tolist()):
                scores = detached(model(read[None]))
                assert_array(scores, shape=(1, len(read), case.V), dtype=torch.float64, what="GPT(ids)")
                last = scores[0, -1]
                if not 0 <= token < case.V or last[token] < last.max() - 1e-6:
                    raise Mismatch(
                        f"{what} → [{i}] is {token}; after {read.tolist()} the most probable token is "
                        f"{int(last.argmax())}.{self.guess(model, prompt, read, token, last)}"
                    )
                read = torch.cat([read, written[i : i + 1]])

    @staticmethod
    def guess(model, prompt, read, token, last):
        """What may have led to another token, as a sentence."""
        if not 0 <= token < len(last):
            return f" Tokens are 0 to {len(last) - 1}."
        if token == int(last.argmin()):
            return " It is the least probable one."
        if token == int(detached(model(prompt[None]))[0, -1].argmax()):
            return " It is what the prompt alone is followed by: each new token is read before the next."
        if token == int(detached(model(read[None, -1:]))[0, -1].argmax()):
            return " It is what the last token alone is followed by: all before it count, each at its position."
        return ""

    @settings(max_examples=10)
    @given(case=languages(T=3, spread=3.0), seed=seeds(), top_p=st.sampled_from([None, 0.8]))
    def test_writes_the_same_with_and_without_cache(self, hw, case, seed, top_p):
        """With generators of the same seed, the tokens that are drawn are the same with a cache and without one"""
        model = made(hw, case := replace(case, most=10))
        what, found = f"generate(model, ids, 7, temperature=1.5, top_p={top_p}, use_cache=…, generator=…)", []
        for use_cache in (False, True):
            generator = torch.Generator().manual_seed(seed)
            options = {"temperature": 1.5, "top_p": top_p, "use_cache": use_cache, "generator": generator}
            found.append(hw.generate(model, case.ids[0], 7, **options))
            assert_array(found[-1], shape=(7,), dtype=torch.int64, what=what)
        assert_close(found[1], found[0], what=what, given={"ids": case.ids[0]})

    @rare
    @given(scores=biases(), temperature=st.sampled_from([0.5, 2.0]), seed=seeds())
    def test_draws_by_probability(self, hw, scores, temperature, seed):
        """Tokens are drawn with probability softmax(scores / temperature), each anew

        The model gives these scores after whatever tokens. A false alarm has probability 10⁻⁹.
        """
        model, options = constant(hw, scores, 301), {"temperature": temperature}
        what = f"generate(model, [0], 300, temperature={temperature}, generator=…)"
        written = hw.generate(model, torch.tensor([0]), 300, **options, generator=torch.Generator().manual_seed(seed))
        best = np.eye(scores.size)[scores.argmax()]
        related = {
            "the most probable token every time: draw, do not take the maximum": best,
            "draws that are uniform, whatever the scores": np.full(scores.size, 1 / scores.size),
            "draws from softmax(scores * temperature): divide by it": softmax(scores * temperature),
            "draws from softmax(scores), without the temperature": softmax(scores),
        }
        given_ = {"scores": scores, "temperature": temperature}
        assert_array(written, shape=(300,), dtype=torch.int64, what=what)
        assert_drawn(written.numpy(), softmax(scores / temperature), n=300, what=what, given=given_, related=related)

    @rare
    @given(scores=biases(), top_p=st.sampled_from([0.7, 0.85]), seed=seeds())
    def test_draws_from_the_nucleus(self, hw, scores, top_p, seed):
        """With top_p only the smallest set of most probable tokens with mass top_p or more is left, renormalised

        A false alarm has probability 10⁻⁹.
        """
        model, p = constant(hw, scores, 301), softmax(scores)
        what = f"generate(model, [0], 300, top_p={top_p}, generator=…)"
        generator = torch.Generator().manual_seed(seed)
        written = hw.generate(model, torch.tensor([0]), 300, top_p=top_p, generator=generator)
        order, right = np.argsort(-p), recurrent.nucleus(p, top_p)
        size = int((right > 0).sum())
        related = {
            "draws from all tokens: the tail is not cut off": p,
            "draws from one token too many: the first that makes the mass reach top_p is the last": only(
                p, order[: size + 1]
            ),
            "the least probable tokens: the nucleus are the most probable ones": only(
                p, order[::-1][: int(np.searchsorted(np.cumsum(p[order[::-1]]), top_p)) + 1]
            ),
        }
        if size > 1:
            text = "draws from one token too few: the one that crosses top_p belongs to the nucleus"
            related[text] = only(p, order[: size - 1])
        given_ = {"scores": scores, "probabilities": p, "top_p": top_p}
        assert_array(written, shape=(300,), dtype=torch.int64, what=what)
        assert_drawn(written.numpy(), right, n=300, what=what, given=given_, related=related)

    @given(temperature=st.sampled_from([-1.0, -0.1]), T=st.integers(1, 5), n=st.integers(0, 5), use_cache=st.booleans())
    def test_refuses_a_negative_temperature_and_too_many_tokens(self, hw, temperature, T, n, use_cache):
        """A temperature below 0 is a ValueError, and so is T + n > max_T; up to max_T all is well"""
        model, prompt = hw.GPT(7, 4, 2, 1, 6), torch.zeros(T, dtype=torch.int64)
        self.refuses(hw, model, prompt, 1, temperature=temperature, use_cache=use_cache)
        if T + n > 6:
            self.refuses(hw, model, prompt, n, use_cache=use_cache)
            return
        written, what = hw.generate(model, prompt, n, use_cache=use_cache), f"generate(model, ids, {n})"
        assert_array(written, shape=(n,), dtype=torch.int64, what=f"{what}, with T = {T} and max_T = 6,")

    @staticmethod
    def refuses(hw, model, prompt, n, **options):
        try:
            written = hw.generate(model, prompt, n, **options)
        except ValueError:
            return
        told = ", ".join(f"{name}={value}" for name, value in options.items())
        raise Mismatch(
            f"generate(model, ids, {n}, {told}) returned {describe(written)} for {len(prompt)} tokens and max_T = 6; "
            "expected is that it raises a ValueError."
        )


# 9 · What it costs


@pytest.mark.task("count_parameters", points=1)
class TestCountParameters:
    @given(sizes=model_sizes())
    def test_counts_the_tensors_of_the_model(self, hw, sizes):
        """All numbers of all weights: E once, and in each block four matrices of the attention, two more, two norms"""
        V, d, L, f = sizes.vocab_size, sizes.d_model, sizes.n_layers, sizes.d_ff
        right = sizes.n_parameters()
        related = {
            "what comes out if E counts twice: scores use the same E": right + V * d,
            "what comes out without E": right - V * d,
            "what comes out without the last norm": right - 2 * d,
            "what comes out without the norms": right - (4 * L + 2) * d,
            "what comes out if norms have no shift": right - (2 * L + 1) * d,
            "what comes out with biases of the attention: it has none": right + 4 * L * d,
            "what comes out with biases of the small network: it has none": right + L * (d + f),
            "what comes out with biases in each block: there are none": right + L * (5 * d + f),
            "what comes out with three matrices in the attention: Wo is the fourth": right - L * d * d,
            "what comes out with one matrix of the small network: it has two": right - L * d * f,
            "that of a model with one block": right - (L - 1) * (4 * d * d + 2 * d * f + 4 * d),
        }
        what = f"count_parameters({V}, {d}, {L}, {f})"
        assert_scalar(hw.count_parameters(V, d, L, f), right, what=what, related=related)


@pytest.mark.task("forward_flops", points=2)
class TestForwardFlops:
    @given(sizes=model_sizes(), B=st.integers(1, 4), T=st.integers(1, 40))
    def test_counts_the_matrix_products_of_a_pass(self, hw, sizes, B, T):
        """2 m n k for every product of (m, k) by (k, n): projections, q kᵀ, weights by values, small network, scores"""
        V, d, L, f = sizes.vocab_size, sizes.d_model, sizes.n_layers, sizes.d_ff
        right = sizes.n_flops(B, T)
        attention, scores = 4 * B * L * T * T * d, 2 * B * T * d * V
        related = {
            "half of it: a product of (m, k) by (k, n) counts 2 m n k, multiplications and additions": right // 2,
            "that of one text: there are B of them": right // B,
            "what comes out without q kᵀ and the weights times the values": right - attention,
            "what comes out with one of q kᵀ and the weights times the values": right - attention // 2,
            "what comes out if a causal mask saves half of the attention; here products count in full": right
            - attention // 2
            - 2 * B * L * T * d,
            "what comes out without the scores x Eᵀ": right - scores,
            "what comes out if the embedding counts: it is a look-up, no product": right + scores,
            "what comes out with three matrices in the attention: Wo is the fourth": right - 2 * B * L * T * d * d,
            "what comes out with one matrix of the small network: it has two": right - 2 * B * L * T * d * f,
            "that of a model with one block": (right - scores) // L + scores,
        }
        what = f"forward_flops({B}, {T}, {V}, {d}, {L}, {f})"
        assert_scalar(hw.forward_flops(B, T, V, d, L, f), right, what=what, related=related)
