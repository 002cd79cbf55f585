import re

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from grader.explain import (
    TOLERANCES,
    Mismatch,
    assert_array,
    assert_close,
    assert_dict,
    assert_drawn,
    assert_finite,
    assert_list,
    assert_scalar,
    assert_unchanged,
    describe,
    number,
    numbers,
    unchanged,
    unpack,
)
from grader.explain.drawn import ALARM, allowed, explains
from grader.strategies import arrays, seeds

E = np.arange(1.0, 13).reshape(3, 4) / 7


class Hostile:
    """An object whose every method is a trap; it even lies about its class."""

    __class__ = np.ndarray

    def trap(self, *args):
        raise SystemExit("a method of the submission was called")

    __eq__ = __bool__ = __len__ = __iter__ = __array__ = __float__ = __getattr__ = __repr__ = __str__ = trap
    __hash__ = None


class RemoteObject:
    _type_name = "generator\x1b[2J" + "x" * 100


def message_of(check, *args, **kwargs):
    with pytest.raises(Mismatch) as caught:
        check(*args, **kwargs)
    return str(caught.value)


def close(actual, expected=E, **kwargs):
    return message_of(assert_close, actual, expected, what=kwargs.pop("what", "f(x)"), **kwargs)


NO_ARRAYS = [
    (None, "returned None;"),
    ([1.0, 2.0], "returned a list of 2 (float, float);"),
    ((), "returned an empty tuple;"),
    ((1, "a", None, [], 2), "returned a tuple of 5 (int, str, NoneType, list, …);"),
    ((i for i in ()), "returned a generator;"),
    (2.5, "returned the float 2.5;"),
    (3.0, "returned the float 3.0;"),
    (1e300, "returned the float 1e+300;"),
    (True, "returned the bool True;"),
    (10**5000, "returned the int of more than 12 digits;"),
    ("a\x1b" * 100, "returned the string 'a"),
    ({"dW": 1}, "returned a dict with the key 'dW';"),
    ({"dW": 1, 2: 3, (): 4}, "returned a dict with 3 keys ('dW', 2, <tuple>);"),
    ({}, "returned an empty dict;"),
    (np.float64(1), "returned a NumPy scalar of dtype float64;"),
    (torch.zeros(3, 4), "returned a torch tensor of shape (3, 4) and dtype float32;"),
    (torch.zeros(3, 4).to_sparse(), "returned a sparse torch tensor;"),
    (Hostile(), "returned a Hostile;"),
    (RemoteObject(), "returned a generator�[2Jxxx"),
    (ValueError, "returned a type;"),
    (object(), "returned an object;"),
]


@pytest.mark.parametrize(("value", "words"), NO_ARRAYS, ids=lambda v: v[9:30] if isinstance(v, str) else "")
def test_what_is_no_array_is_described_and_refused_untouched(value, words):
    for text in (close(value), message_of(assert_array, value, shape=(3, 4), dtype=np.float64, what="f(x)")):
        assert text.startswith("f(x) " + words)
        assert text.endswith("expected a NumPy array of shape (3, 4).")
        assert "\x1b" not in text
        assert len(text) < 250


def test_other_checks_touch_no_unknown_object_either():
    assert "returned a Hostile; expected a number" in message_of(assert_scalar, Hostile(), 1.0, what="f(x)")
    assert "returned a Hostile; expected 2 values" in message_of(unpack, Hostile(), 2, what="f(x)")
    assert "is a Hostile; expected a dict" in message_of(assert_dict, Hostile(), ["a"], what="history")
    assert "is a Hostile; expected a list" in message_of(assert_list, Hostile(), what="history")
    assert "returned a Hostile; expected numbers" in message_of(assert_finite, Hostile(), what="f(x)")
    assert "x: Hostile" not in close(E + 1, given={"x": Hostile()})


def test_says_type_then_dtype_then_shape_then_finiteness_then_value():
    wrong = np.full((4, 3), np.nan, dtype=np.float32)
    assert "returned a list" in close(wrong.tolist())
    assert "wrong dtype float32; expected float64" in close(wrong)
    assert "wrong shape (4, 3); expected (3, 4)" in close(wrong.astype(float))
    assert "is nan at [0, 0]" in close(wrong.astype(float).T)
    assert "wrong values" in close(np.zeros((3, 4)))


def test_dtype_hints_say_where_it_may_come_from():
    assert "NumPy's new arrays" in close(E, E.astype(np.float32))
    assert "round off" in close(np.ones((3, 4), int))
    assert "lists of different lengths" in close(np.array([[1], [1, 2]], dtype=object))
    assert "dtype complex128; expected float64" in close(E + 0j)
    assert "dtype complex128; expected numbers" in message_of(
        assert_array, E + 0j, shape=(3, 4), dtype=None, what="f(x)"
    )


def test_integers_of_any_width_pass_for_integers_and_are_compared_exactly():
    assert_close(np.arange(3, dtype=np.int32), np.arange(3), what="y")
    assert_array(np.arange(3, dtype=np.uint8), shape=(3,), dtype=np.int64, what="y")
    assert "wrong dtype float64; expected int64" in close(np.arange(3.0), np.arange(3))
    assert "wrong dtype bool; expected int64" in close(np.ones(3, bool), np.arange(3))
    text = close(np.array([0, 1, 3]), np.arange(3))
    assert text.startswith("f(x): wrong values: 1 of 3 entries.")
    assert_close(np.array([True, False]), np.array([True, False]), what="mask")
    assert "expected [ True False]" in close(np.array([True, True]), np.array([True, False]))


def test_tensors_are_compared_with_tensors_only():
    t = torch.tensor(E, requires_grad=True)
    assert_close(t, t.detach(), what="f(x)")
    assert_array(t, shape=(3, 4), dtype=torch.float64, what="f(x)")
    assert "expected a torch tensor of shape (3, 4)" in close(E, t)
    assert "expected a NumPy array" in close(t, E)
    assert "wrong dtype float32; expected bfloat16" in close(t.float(), t.bfloat16())
    assert_close(t.bfloat16(), t, dtype=torch.bfloat16, what="f(x)")
    assert_close(t.bfloat16(), t, dtype="bfloat16", what="f(x)")
    assert "2 × the expected" in close(2 * t.bfloat16(), t.bfloat16())
    assert_close(torch.arange(3), torch.arange(3), what="ids")


def test_an_exact_oracle_may_judge_a_lower_precision():
    assert_close(E.astype(np.float32), E, dtype=np.float32, what="f(x)")
    assert "wrong dtype float64; expected float32" in close(E, E, dtype=np.float32)


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
@given(seed=seeds(), size=st.integers(1, 50))
def test_rounding_passes_and_ten_tolerances_do_not(dtype, seed, size):
    rng = np.random.default_rng(seed)
    exact = rng.standard_normal(size) + 3
    assert_close(exact.astype(dtype), exact, dtype=dtype, what="f(x)")
    wrong = (exact * (1 + 10 * TOLERANCES[dtype].rtol)).astype(dtype)
    assert "relative error" in close(wrong, exact, dtype=dtype)


def test_one_wrong_entry_cannot_hide_in_a_big_array():
    expected = np.ones((1000, 1000), np.float32)
    actual = expected.copy()
    actual[400, 7] += 0.01
    text = close(actual, expected)
    assert "1 of 1000000 entries, one is off by 0.01 (allowed 0.0005 of the largest entry)" in text
    assert "f(x) is right except at [400, 7]." in text


def test_tolerances_can_be_given_zero_included():
    assert_close(E + 1e-3, E, what="f(x)", rtol=1e-2)
    assert_close(E + 1e-3, E, what="f(x)", atol=1e-2)
    assert "wrong values" in close(E + 1e-13, rtol=0.0, atol=0.0)


def test_where_zeros_are_expected_the_absolute_error_counts():
    assert_close(np.full(4, 1e-15), np.zeros(4), what="db")
    assert "off by 0.5 (allowed 1e-12)" in close(np.full(4, 0.5), np.zeros(4))


def test_huge_numbers_neither_warn_nor_pass():
    assert_close(np.array([1e308, 1e-308]), np.array([1e308, 1e-308]), what="f(x)")
    assert "wrong values" in close(np.array([1e308, 1.0, 2, 3]), np.array([-1e308, 1.0, 2, 3]))
    assert "wrong values" in close(np.array([1e200, 1.0, 2, 3]), np.array([2e200, 1.0, 2, 3]))


def test_infinities_must_be_met_exactly():
    expected = np.array([1.0, np.inf, -np.inf])
    assert_close(expected.copy(), expected, what="f(x)")
    assert "is 1 at index 1; expected inf (1 of 3" in close(np.array([1.0, 1, -np.inf]), expected)
    assert "is inf at index 2; expected -inf" in close(np.array([1.0, np.inf, np.inf]), expected)
    assert "is nan at index 0; expected a finite number" in close(np.array([np.nan, np.inf, -np.inf]), expected)
    assert "1 of 3 entries" in close(np.array([2.0, np.inf, -np.inf]), expected)


def test_finiteness_is_part_of_assert_array_unless_said_otherwise():
    array = np.array([[1.0, np.inf]])
    assert "actual [[  1 inf]]" in message_of(assert_array, array, shape=(1, 2), dtype=None, what="f(x)")
    assert_array(array, shape=(1, 2), dtype=np.float64, what="f(x)", finite=False)
    assert_finite(E, what="f(x)")
    assert_finite(1, what="f(x)")
    assert "f(x) is inf; expected a finite number" in message_of(assert_finite, np.inf, what="f(x)")


@pytest.mark.parametrize("shape", [(0,), (0, 3), ()])
def test_empty_arrays_and_arrays_of_no_axes_are_handled(shape):
    assert_close(np.zeros(shape), np.zeros(shape), what="f(x)")
    assert_array(np.zeros(shape), shape=shape, dtype=np.float64, what="f(x)")
    assert "wrong shape (2,)" in close(np.zeros(2), np.zeros(shape))


def test_a_zero_dimensional_mismatch_reads_as_numbers():
    text = close(np.array(2.0), np.array(5.0))
    assert "expected 5\n  actual   2" in text
    assert_close(np.float64(5), np.array(5.0), what="f(x)")


@pytest.mark.parametrize("expected", [[1.0], 1.0, None, E + 0j])
def test_an_expected_value_that_is_no_array_is_the_checks_own_error(expected):
    with pytest.raises(ValueError, match="expected must be an array of numbers"):
        assert_close(E, expected, what="f(x)")


def test_nan_in_the_expected_value_is_the_checks_own_error():
    with pytest.raises(ValueError, match="nan in the expected value"):
        assert_close(np.ones(2), np.array([1, np.nan]), what="f(x)")
    with pytest.raises(ValueError, match="expected must be a number"):
        assert_scalar(1.0, np.nan, what="f(x)")
    with pytest.raises(ValueError, match="got None"):
        assert_scalar(1.0, None, what="f(x)")


def test_a_dtype_without_tolerance_is_the_checks_own_error():
    with pytest.raises(ValueError, match="no tolerance for dtype int64"):
        assert_close(np.arange(3), np.arange(3.0), dtype=np.int64, what="f(x)")


def test_small_arrays_are_shown_whole_and_big_ones_around_the_worst_entry():
    small = close(E + np.eye(3, 4))
    assert "[[0.1429 0.2857 0.4286 0.5714]" in small
    assert "worst entry [0, 0]: expected 0.1429, actual 1.143" in small
    big = np.arange(4000.0).reshape(2, 40, 50)
    actual = big.copy()
    actual[1, 39, 20] = -1
    text = close(actual, big)
    assert "around the worst entry, [1, 39, 20] ([1, 37:40, 18:23] of shape (2, 40, 50))" in text
    assert text.count("\n") < 12
    row = close(np.arange(100.0) + (np.arange(100) == 50), np.arange(100.0))
    assert "[46:55] of shape (100,)" in row


def test_digits_suffice_to_tell_expected_from_actual():
    assert "expected 2.5, actual 2.50000001" in close(np.full(4, 2.50000001), np.full(4, 2.5))


def test_given_inputs_are_shown_in_few_digits():
    given = {"lam": 0.1, "y": np.arange(3), "X": np.zeros((100, 9)), "mode": "train\n", "rng": np.random.default_rng(0)}
    text = close(E + np.eye(3, 4), given=given)
    assert text.endswith(
        "  given\n    lam = 0.1\n    y = [0 1 2]\n    X: a NumPy array of shape (100, 9) and dtype float64\n"
        "    mode = 'train\\n'\n    rng: a Generator"
    )


@given(arrays(min_side=1), arrays(min_side=1), st.text(max_size=20))
def test_every_message_is_bounded_plain_text(actual, expected, name):
    text = close(actual, expected + 1, what=f"f({name})", given={name: actual, "other": Hostile()})
    assert len(text) <= 4000
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", text)
    assert text.splitlines()[0].strip()


class TestScalar:
    @pytest.mark.parametrize("value", [2.5, np.float64(2.5), np.float32(2.5), np.array(2.5), torch.tensor(2.5)])
    def test_every_kind_of_number_will_do(self, value):
        assert_scalar(value, 2.5, what="loss")
        assert number(value) == 2.5

    @pytest.mark.parametrize("value", [np.array([2.5]), [2.5], None, True, "2.5", 2.5 + 0j, np.bool_(True)])
    def test_anything_else_will_not(self, value):
        assert "expected a number (a float or a 0-d array)" in message_of(assert_scalar, value, 2.5, what="loss")
        assert number(value) is None

    def test_whole_numbers_pass_for_floats_but_not_the_other_way_round(self):
        assert_scalar(2, 2.0, what="loss")
        assert_scalar(np.int64(3), 3, what="size")
        assert "returned the float 3.0; expected the integer 3" in message_of(assert_scalar, 3.0, 3, what="size()")
        assert "returned the int 4; expected the integer 3" in message_of(assert_scalar, 4, 3, what="size()")

    def test_an_array_of_losses_suggests_the_missing_mean(self):
        assert "Is a sum or mean missing?" in message_of(assert_scalar, np.ones(3), 1.0, what="loss")

    def test_the_tolerance_is_that_of_the_dtype_asked_for_or_expected(self):
        wrong = 2.5 * (1 + 1e-6)
        assert_scalar(wrong, 2.5, what="loss", dtype=np.float32)
        assert_scalar(wrong, np.float32(2.5), what="loss")
        text = message_of(assert_scalar, wrong, 2.5, what="loss")
        assert text.startswith("loss: wrong value 2.5000025; expected 2.5; relative error 1e-06 (allowed 1e-9).")

    def test_infinite_values_must_be_met(self):
        assert_scalar(np.inf, np.inf, what="loss")
        assert message_of(assert_scalar, np.nan, 2.5, what="loss") == "loss is nan; expected 2.5."
        assert message_of(assert_scalar, 1e9, np.inf, what="loss") == "loss is 1e+09; expected inf."


class TestStructure:
    def test_unpack_gives_the_parts(self):
        assert unpack((1, 2), 2, what="f(x)") == (1, 2)
        assert unpack([1, 2], ("a", "b"), what="f(x)") == (1, 2)

    def test_unpack_names_the_parts_it_wants(self):
        text = message_of(unpack, (1.0, E), ("loss", "dW", "db"), what="svm_loss(...)")
        assert text == "svm_loss(...) returned a tuple of 2 (float, ndarray); expected 3 values: (loss, dW, db)."
        assert message_of(unpack, None, 3, what="f(x)") == "f(x) returned None; expected 3 values."
        assert "NumPy array of shape (3, 4)" in message_of(unpack, E, 3, what="f(x)")

    def test_dicts_are_asked_for_keys(self):
        history = {"cost": [1]}
        assert assert_dict(history, ["cost"], what="history") is history
        assert message_of(assert_dict, history, ["loss"], what="history") == "history lacks 'loss'; it has 'cost'."
        assert message_of(assert_dict, {}, ["loss"], what="history") == "history lacks 'loss'; it has no keys."
        text = message_of(assert_dict, {"cost": 1, "x": 2}, ["cost"], what="history", exactly=True)
        assert text == "history has 'x' beside what is expected: 'cost'."
        assert "expected a dict with the keys 'a', 'b'" in message_of(assert_dict, None, ["a", "b"], what="params")

    def test_lists_are_asked_for_their_length(self):
        assert assert_list((1, 2), what="xs", length=2) == [1, 2]
        assert message_of(assert_list, [1], what="xs", length=2) == "xs has 1 entries; expected 2."

    def test_lists_of_numbers_become_vectors(self):
        vector = numbers([1, np.float32(2), np.array(3.0)], what="xs", length=3)
        np.testing.assert_array_equal(vector, [1.0, 2, 3])
        assert message_of(numbers, [1, None], what="xs") == "xs[1] is None; expected a number."


class TestUnchanged:
    @pytest.mark.parametrize(
        "value", [E, E.astype(int), np.array([np.nan]), torch.tensor(E), None, 1.5, "a", {"W": [E, (E,)]}, np.zeros(0)]
    )
    def test_what_stays_the_same_passes(self, value):
        with unchanged("f(x)", x=value):
            pass

    def test_an_array_that_changes_is_named_with_the_entry(self):
        x = E.copy()
        with (
            pytest.raises(Mismatch, match=r"f\(x\) changed x in place; .* x\[1, 2\] was 1 and is now 0\.") as caught,
            unchanged("f(x)", x=x),
        ):
            x[1, 2] = 0
        assert "x.copy()" in str(caught.value)

    def test_values_inside_dicts_and_lists_count(self):
        params = {"W": [E.copy()]}
        with pytest.raises(Mismatch, match=r"changed params\['W'\]\[0\] in place"), unchanged("f(x)", params=params):
            params["W"][0][0, 0] = 9
        with pytest.raises(Mismatch, match=r"removed params\['W'\]"), unchanged("f(x)", params=params):
            del params["W"]
        with pytest.raises(Mismatch, match="added 'b' to params"), unchanged("f(x)", params=params):
            params["b"] = 1

    def test_other_changes_count_too(self):
        for before, after in [(E, E.astype(np.float32)), (E, E[:2]), (1, 2), (1, 1.0), (None, E), ([E], None)]:
            assert "changed S in place" in message_of(assert_unchanged, before, after, what="f(S)", name="S")
        assert "f(S) changed its argument in place" in message_of(assert_unchanged, E, -E, what="f(S)")
        assert "changed S in place" in message_of(assert_unchanged, {"S": E}, {"S": -E}, what="f(S)")

    def test_what_cannot_be_compared_is_the_checks_own_error(self):
        with (
            pytest.raises(TypeError, match="cannot tell whether a Generator was changed"),
            unchanged("f", rng=np.random.default_rng()),
        ):
            pass


def test_describe_uses_the_right_article():
    assert describe(object()) == "an object"
    assert describe(i for i in ()) == "a generator"


P = np.array([0.5, 0.25, 0.0, 0.25])


@given(seed=seeds(), p=st.lists(st.integers(0, 5), min_size=1, max_size=6).filter(any))
def test_draws_from_a_distribution_are_taken_for_such(seed, p):
    p = np.array(p) / sum(p)
    assert_drawn(np.random.default_rng(seed).choice(p.size, 300, p=p), p, n=300, what="draws")


def test_other_draws_are_refused_and_what_explains_them_is_named():
    uniform = np.arange(400) % 2
    related = {"draws that are nearly so": [0.6, 0.4, 0, 0], "draws that are uniform": [0.5, 0.5, 0, 0]}
    text = message_of(assert_drawn, uniform, P, n=400, what="draws", related=related, given={"p": P})
    assert text.startswith("draws: the frequencies are off.")
    assert "frequencies of the 400 draws  [0.5 0.5   0   0]" in text
    assert "They look like draws that are uniform." in text
    assert "index 2 was drawn, which has probability 0" in message_of(
        assert_drawn, np.array([0, 2, 0]), P, n=3, what="draws"
    )
    assert "holds the index 4; expected are 0 to 3" in message_of(assert_drawn, np.array([0, 4]), P, n=2, what="draws")
    assert "wrong shape" in message_of(assert_drawn, np.array([0, 1]), P, n=3, what="draws")
    assert "wrong dtype float64" in message_of(assert_drawn, np.zeros(3), P, n=3, what="draws")


def test_the_bound_is_that_of_the_multinomial():
    for K in (2, 3, 9):
        t = allowed(K)
        bound = np.exp(-t) * (np.e * t / (K - 1)) ** (K - 1)
        assert bound == pytest.approx(ALARM, rel=1e-3)
        assert t > K - 1
    assert explains(np.array([0.0, 1.0]), np.array([0.0, 50.0]))
    # two outcomes: the chance of 100 heads in 100 fair throws is 2⁻¹⁰⁰, of 50 it is nothing to speak of
    assert not explains(np.array([0.5, 0.5]), np.array([100.0, 0.0]))
    assert explains(np.array([0.5, 0.5]), np.array([60.0, 40.0]))
