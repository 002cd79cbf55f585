"""A relation is named where there is one, and never where there is none."""

import re

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from grader.explain import Mismatch, assert_close, assert_scalar
from grader.explain.factors import name_factor, name_multiple
from grader.explain.tolerances import TOLERANCES
from grader.strategies import seeds, shapes

DTYPES = ["float64", "float32", "float16"]
PRECISE = ["float64", "float32"]
N, D, K = 8, 5, 3


def relation(actual, expected, what="gradients(X, Y, P, W, lam) → dW", **kwargs):
    """The sentence that explains a mismatch, or ""."""
    check = assert_scalar if np.ndim(expected) == 0 else assert_close
    with pytest.raises(Mismatch) as caught:
        check(actual, expected, what=what, **kwargs)
    assert caught.value.relation in str(caught.value)
    return caught.value.relation


def normal(seed, shape=(D, K), dtype="float64"):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


@settings(max_examples=500, deadline=None, derandomize=True)
@given(st.data())
def test_independent_arrays_have_no_relation(data):
    dtype = data.draw(st.sampled_from(DTYPES))
    shape = data.draw(shapes(data.draw(st.integers(1, 3)), min_side=1, max_side=9))
    draw = data.draw(st.sampled_from(["standard_normal", "random", "standard_exponential", "standard_cauchy"]))
    rng = np.random.default_rng(data.draw(seeds()))
    actual, expected, other = (getattr(rng, draw)(shape).astype(dtype) for _ in range(3))
    given_ = {"X": other, "W": rng.standard_normal(shape), "lam": 0.1, "Y": rng.integers(0, 2, shape)}
    related = {"the other": other}
    assume(actual.size > 1)
    assert relation(actual, expected, given=given_, related=related, sizes={"N": 8, "K": 3, "D": 5}) == ""


@settings(max_examples=300, deadline=None, derandomize=True)
@given(seed=seeds(), dtype=st.sampled_from(PRECISE))
def test_independent_numbers_have_no_relation(seed, dtype):
    rng = np.random.default_rng(seed)
    actual, expected = rng.standard_exponential(2)
    assume(abs(actual / expected - 1) > 1e-2)
    names = {"given": {"W": rng.standard_normal((5, 3)), "lam": 0.1}, "sizes": {"N": 8, "K": 3}}
    named = relation(actual, expected, what="loss", **names)
    assert named == ""


@settings(max_examples=200, deadline=None, derandomize=True)
@given(seed=seeds(), side=st.integers(3, 9), classes=st.integers(2, 5))
def test_independent_labels_are_not_called_permuted_or_scaled(seed, side, classes):
    rng = np.random.default_rng(seed)
    actual, expected = rng.integers(0, classes, (2, 4 * side))
    assume((actual != expected).any())
    text = relation(actual, expected, what="y")
    assert "order" not in text
    assert "flipped" not in text
    assert "×" not in text


@pytest.mark.parametrize(
    ("factor", "words"),
    [
        (8.0, "dW is 8 × the expected value, and N = 8: is the division by N (the mean) missing?"),
        (1 / 8, "dW is 0.125 × the expected value, which is 1/N with N = 8: is it divided by N once too often?"),
        (3.0, "dW is 3 × the expected value, and K = 3: is the division by K (the mean) missing?"),
        (-8.0, "dW is minus 8 × the expected value, and N = 8"),
        (2.0, "dW is 2 × the expected value: is there a factor 2 too many?"),
        (0.5, "dW is 0.5 × the expected value: is a factor 2 missing?"),
        (24.0, "which is K·N with K = 3, N = 8: is the division by K·N missing?"),
        (1 / 24, "which is 1/(K·N) with K = 3, N = 8"),
        (8 / 3, "which is N/K with N = 8, K = 3: divided by K in the place of N?"),
        (64.0, "which is N² with N = 8: is the division by N missing twice?"),
        (8**-0.5, "which is 1/√N with N = 8."),
        (8 / 7, "which is (N/(N − 1)) with N = 8: N − 1 in the place of N?"),
        ((8 / 7) ** 0.5, "which is √(N/(N − 1)) with N = 8"),
        ((7 / 8) ** 0.5, "which is √((N − 1)/N) with N = 8"),
        (1 / 16, "which is 1/(2·N)"),
        (-1.0, "dW is the negative of the expected value: is a sign the wrong way round?"),
        (0.123, "dW is 0.123 × the expected value."),
    ],
)
@pytest.mark.parametrize("dtype", PRECISE)
@settings(max_examples=30, deadline=None)
@given(seed=seeds())
def test_a_factor_is_named_by_the_sizes(factor, words, dtype, seed):
    expected = normal(seed, dtype=dtype)
    actual = (factor * expected).astype(dtype)
    assert words in relation(actual, expected, sizes={"N": N, "K": K})


def test_sizes_without_names_are_taken_from_the_inputs():
    expected = normal(0)
    assert "and X.shape[0] = 8: is the division by X.shape[0]" in relation(
        8 * expected, expected, given={"X": normal(1, (8, 5)), "W": expected}
    )


def test_a_factor_of_a_single_number_counts_only_with_a_name():
    assert "and N = 8" in relation(20.0, 2.5, what="loss", sizes={"N": 8})
    assert relation(20.1, 2.5, what="loss", sizes={"N": 8}) == ""


def test_simple_names_come_first_and_doubt_is_said():
    assert name_factor(4.0, {"K": 2, "N": 4}).startswith(", and N = 4: is the division by N")
    assert name_factor(2.0, {"K": 2}).endswith(
        "is the division by K (the mean) missing, or is there a factor 2 too many?"
    )
    assert name_factor(0.5, {"K": 2}).endswith("divided by K once too often, or is there a factor 2 too few?")
    assert name_factor(1.0, {"N": 1}) == ""
    assert name_factor(5.5, {"N": 8, "K": 3}) == ""


@given(seed=seeds(), lam=st.sampled_from([0.1, 0.7]))
def test_a_regulariser_is_named_whether_missing_halved_or_doubled(seed, lam):
    W = normal(seed)
    data_part = normal(seed + 1)
    expected, given_ = data_part + 2 * lam * W, {"W": W, "lam": lam}
    assert relation(data_part, expected, given=given_) == "dW lacks the term 2 × lam × W."
    assert relation(data_part + lam * W, expected, given=given_) == "dW lacks the term lam × W."
    assert relation(data_part + 4 * lam * W, expected, given=given_) == "dW has an extra term 2 × lam × W."
    assert relation(expected + W, expected, given=given_) == "dW has an extra term W."
    assert relation(expected - 0.33 * W, expected, given=given_) == "dW lacks the term 0.33 × W."


def test_a_bias_that_is_missing_from_every_row_is_named():
    S, b = normal(0, (N, K)), normal(1, (K,))
    assert relation(S, S + b, what="S", given={"b": b}) == "S lacks the term b."


def test_a_cost_without_its_regulariser_is_named():
    W, lam = normal(0), 0.1
    penalty = (W**2).sum()
    names = {"what": "cost(X, Y, W, b, lam)", "given": {"W": W, "lam": lam}}
    assert relation(2.5, 2.5 + lam * penalty, **names) == "cost(X, Y, W, b, lam) lacks the term lam × sum(W²)."
    assert "lacks the term lam/2 × sum(W²)" in relation(2.5 + lam / 2 * penalty, 2.5 + lam * penalty, **names)
    assert "has an extra term lam × sum(W²)" in relation(2.5 + 2 * lam * penalty, 2.5 + lam * penalty, **names)


@given(seed=seeds())
def test_a_related_array_is_named_first(seed):
    e = normal(seed)
    related = {"the gradient of another loss": 8 * e, "right": e}
    assert relation(8 * e, e, related=related, sizes={"N": 8}) == "dW is the gradient of another loss."
    assert relation(2.0, 3.0, what="loss", related={"the loss of one sample": 2.0}) == "loss is the loss of one sample."


CHANGES = [
    (lambda e: e + 0.5, "Every entry of dW is 0.5 too large."),
    (lambda e: e - 0.25, "Every entry of dW is 0.25 too small."),
    (lambda e: e + np.arange(1.0, 6)[:, None] ** 2, "Every row of dW is off by a constant of its own"),
    (lambda e: e + np.arange(1.0, 4) ** 2, "Every column of dW is off by a constant of its own"),
    (lambda e: e * np.arange(1.0, 6)[:, None], "Every row of dW is off by a factor of its own"),
    (lambda e: e * np.arange(2.0, 5) ** 2, "Every column of dW is off by a factor of its own"),
    (np.abs, "dW is the absolute value of the expected value."),
    (np.square, "dW is the square of the expected value."),
    (np.exp, "dW is the exponential of the expected value."),
    (lambda e: 1 / e, "dW is the reciprocal of the expected value."),
    (lambda e: 1 - e, "dW is one minus the expected value."),
    (lambda e: e[::-1], "dW is the expected value flipped along axis 0."),
    (lambda e: e[::-1, ::-1], "dW is the expected value flipped along axes 0 and 1."),
    (lambda e: np.roll(e, 1, axis=0), "The rows of dW are the expected ones, shifted by 1 along axis 0."),
    (lambda e: np.roll(e, -1, axis=1), "The columns of dW are the expected ones, shifted by -1 along axis 1."),
    (lambda e: e[[1, 0, 3, 2, 4]], "The rows of dW are the expected ones in another order."),
    (lambda e: e.T.reshape(e.shape), "dW has the right numbers in the wrong places"),
    (np.zeros_like, "Every entry of dW is 0: was it filled at all?"),
    (lambda e: np.full_like(e, 2), "Every entry of dW is 2."),
    (lambda e: np.concatenate([e[:1] ** 2 + 1, e[1:]]), "dW is right except in the first row."),
    (lambda e: np.concatenate([e[:-1], 0 * e[-1:]]), "dW is right except in the last row, where it is 0."),
    (lambda e: np.where(np.arange(3) == 1, e**2 + 1, e), "dW is right except in column 1."),
    (lambda e: np.where(np.indices(e.shape).sum(axis=0) == 0, 9, e), "dW is right except at [0, 0]."),
]


@pytest.mark.parametrize(("change", "words"), CHANGES, ids=[words[:50] for _, words in CHANGES])
@pytest.mark.parametrize("dtype", PRECISE)
@settings(max_examples=30, deadline=None)
@given(seed=seeds())
def test_a_change_is_named(change, words, dtype, seed):
    expected = normal(seed, dtype=dtype)
    assume(np.abs(expected).min() > 0.05)
    assume((expected < -0.1).any())
    assert relation(change(expected).astype(dtype), expected).startswith(words)


@pytest.mark.parametrize(("change", "words"), [(np.sqrt, "the square root of"), (np.log, "the logarithm of")])
@given(seed=seeds())
def test_a_function_of_positive_numbers_is_named(change, words, seed):
    expected = np.random.default_rng(seed).random((4, 3)) + 0.1
    assert relation(change(expected), expected) == f"dW is {words} the expected value."


SQUARE = [
    (lambda e: e.T, "dW is the transpose of the expected value."),
    (lambda e: e + np.eye(5), "dW is right except on the diagonal."),
    (lambda e: e * np.eye(5), "dW is right only on the diagonal."),
    (np.tril, "dW is right except above the diagonal, where it is 0."),
    (np.triu, "dW is right except below the diagonal, where it is 0."),
    (
        lambda e: np.pad(e[1:-1, 1:-1], 1),
        "dW is right except at the border (first and last rows and columns), where it",
    ),
    (lambda e: np.where(np.abs(e) < 0.9, 0, e), "dW is right except where it is 0: "),
]


@pytest.mark.parametrize(("change", "words"), SQUARE, ids=[words[:50] for _, words in SQUARE])
@settings(max_examples=30, deadline=None)
@given(seed=seeds())
def test_a_change_of_a_square_matrix_is_named(change, words, seed):
    expected = normal(seed, (5, 5))
    assume((np.abs(expected) < 0.9).sum() >= 2)
    assume(np.linalg.matrix_rank(np.abs(expected) < 0.9) > 1)
    assume((np.abs(expected) > 0.9).any())
    assert relation(change(expected), expected).startswith(words)


def test_a_wrong_slice_of_an_image_is_named():
    expected = normal(0, (2, 3, 4, 5))
    actual = expected.copy()
    actual[:, 1] = 0
    assert relation(actual, expected) == "dW is right except in [:, 1, :, :], where it is 0."
    assert relation(np.roll(expected, 1, axis=2), expected).startswith("The slices along axis 2 of dW are the expected")
    vector = np.arange(1.0, 9)
    assert relation(vector[[1, 0, 2, 3, 4, 5, 7, 6]], vector).startswith(
        "The entries of dW are the expected ones in an"
    )
    assert relation(vector + (vector == 3), vector) == "dW is right except at index 2."


def test_the_entries_of_the_true_class_are_named():
    Y = np.eye(4)[[0, 1, 1, 3, 2, 0]]
    e = normal(0, Y.shape)
    assert relation(e - Y * (1 + e), e, given={"Y": Y}) == "dW is right except where Y is 1."
    assert relation(e * Y, e, given={"Y": Y}) == "dW is right except where Y is 0, where it is 0."


@given(seed=seeds())
def test_lower_precision_is_named(seed):
    e = normal(seed)
    assume(np.abs(e).min() > 0.02)
    assert "agrees to float32 precision only (" in relation(e.astype(np.float32).astype(float), e)
    assert re.search("agrees to [34] digits only", relation(e.astype(np.float16).astype(float), e))
    assert "agrees to float32 precision only (7 digits)" in relation(2.5 + 1.9e-7, 2.5, what="loss")


SHAPES = [
    (lambda e: e.T, "dW is the transpose of the expected value."),
    (lambda e: -e.T, "The axes are the other way round."),
    (lambda e: e[:, None], "dW has the right numbers: only the shape is wrong"),
    (np.ravel, "dW has the right numbers: only the shape is wrong"),
    (
        lambda e: np.stack([e / 2, 3 * e / 2]),
        "The mean of dW over axis 0 is the expected value: is that mean missing?",
    ),
    (
        lambda e: np.stack([e / 4, 3 * e / 4], axis=-1),
        "The sum of dW over axis 2 is the expected value: is that sum missing?",
    ),
    (lambda e: np.stack([e, np.full_like(e, np.nan)]), ""),
    (lambda e: e[:2], ""),
]


@pytest.mark.parametrize(("change", "words"), SHAPES)
def test_what_a_wrong_shape_holds_is_named(change, words):
    expected = normal(0)
    text = relation(change(expected), expected)
    assert text.startswith(words)
    assert bool(text) == bool(words)


def test_axes_in_another_order_are_named():
    e = normal(0, (2, 3, 4))
    assert relation(e.transpose(2, 0, 1), e) == "dW is the expected value with its axes in the order (2, 0, 1)."
    counts = np.arange(6).reshape(2, 3)
    assert relation(counts.T, counts) == "dW is the transpose of the expected value."


def test_counts_have_relations_too():
    counts = np.array([[3, 1, 0], [2, 5, 1], [0, 4, 6]])
    assert relation(counts.T, counts, what="M") == "M is the transpose of the expected value."
    assert relation(2 * counts, counts, what="M").startswith("M is 2 × the expected value")


def test_a_multiple_is_named_after_its_scalar():
    assert name_multiple(0.2, {"lam": 0.1}) == "2 × lam"
    assert name_multiple(0.1, {"lam": 0.1}) == "lam"
    assert name_multiple(0.05, {"lam": 0.1}) == "lam/2"
    assert name_multiple(0.3, {"lam": 0.1, "zero": 0.0}) == ""


def test_the_table_of_tolerances_is_ordered_by_precision():
    rows = [TOLERANCES[name] for name in ("float64", "float32", "float16", "bfloat16")]
    assert [row.rtol for row in rows] == sorted(row.rtol for row in rows)
    assert [row.atol for row in rows] == sorted(row.atol for row in rows)
