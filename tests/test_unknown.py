"""What is unknown can be held, handed on, taken apart and judged; whoever does anything else with it is found out."""

import operator
import pickle

import numpy as np
import pytest
import torch

from grader.explain import (
    Mismatch,
    assert_array,
    assert_close,
    assert_finite,
    assert_scalar,
    describe,
    number,
    unchanged,
)
from grader.explain.unknown import JUDGES, Escape, Judgement, Unknown, known, place_of, witnessed

X = np.arange(3.0)
LOOKS = {
    "add": lambda u: u + 1,
    "add to an array": lambda u: X + u,
    "add a tensor": lambda u: torch.ones(3) + u,
    "in place": lambda u: operator.iadd(u, 1),
    "compare": lambda u: u == X,
    "compare with an array": lambda u: u > X,
    "bool": bool,
    "float": float,
    "len": len,
    "iterate": list,
    "unpack": lambda u: (lambda a, b: a)(*u),
    "hash": hash,
    "in": lambda u: 1 in u,
    "in a list": lambda u: u in [1],
    "text": str,
    "f-string": lambda u: f"{u:.3f}",
    "repr": repr,
    "attribute": lambda u: u.shape,
    "method": lambda u: u.copy(),
    "hasattr": lambda u: hasattr(u, "detach"),
    "set": lambda u: operator.setitem(u, 0, 1),
    "set attribute": lambda u: setattr(u, "x", 1),
    "isinstance": lambda u: isinstance(u, np.ndarray),
    "its class": lambda u: u.__class__,
    "dir": dir,
    "asarray": np.asarray,
    "array": lambda u: np.array(u, dtype=float),
    "array of it": lambda u: np.array([u, u], dtype=float),
    "sum": np.sum,
    "a tensor of it": torch.tensor,
    "number": number,
    "describe": describe,
    "index of": lambda u: X[u],
    "as a key": lambda u: {u: 1},
}


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_whoever_looks_at_it_is_found_out(look):
    with witnessed() as witness, pytest.raises(Escape):
        look(Unknown(0))
    assert witness.escaped


def test_whoever_swallows_what_that_raises_is_found_out_too():
    with witnessed() as witness:
        try:
            bool(Unknown(0))
        except BaseException:
            witness.judgements.clear()
    assert witness.escaped


def test_an_array_of_objects_that_nobody_looks_into_is_no_way_out():
    with witnessed() as witness, pytest.raises(Escape):
        np.array([Unknown(0), None], dtype=object) + 1
    assert witness.escaped


def test_to_hold_it_and_to_take_an_entry_is_no_look():
    value = Unknown(1, ("a",))
    with witnessed() as witness:
        held = [value, value[0], value[1:, None]]
        assert held[0] is value
    assert not witness.escaped
    assert [place_of(one) for one in held] == [(1, ("a",)), (1, ("a", 0)), (1, ("a", (slice(1, None), None)))]
    answers = [None, {"a": X}]
    assert known(held[0], answers) is X
    assert known(held[1], answers) == 0
    assert known(held[2], answers).shape == (2, 1)
    assert known(3, answers) == 3


def test_an_argument_that_is_unknown_counts_as_unchanged():
    with witnessed() as witness, unchanged("f(x)", x=Unknown(0), known=X):
        pass
    assert not witness.escaped


CLAIMS = {
    "close": (lambda u: assert_close(u, X, what="x"), X + 1e-13, X + 1),
    "a dtype of its own": (lambda u: assert_close(u, X, what="x", dtype=np.float32), X.astype("f"), X),
    "a tolerance": (lambda u: assert_close(u, X, what="x", rtol=0.1, atol=1.0), X + 0.5, X + 5),
    "one unknown beside another": (lambda u: assert_close(u[0], u[1], what="x"), np.ones((2, 3)), np.eye(2)),
    "a number": (lambda u: assert_scalar(u, 2.0, what="x"), 2.0, 2.1),
    "an entry": (lambda u: assert_scalar(u[1], 2.0, what="x"), np.array([0.0, 2.0]), np.zeros(2)),
    "an array": (lambda u: assert_array(u, shape=(3,), dtype=np.float64, what="x"), X, X + np.nan),
    "finite": (lambda u: assert_finite(u, what="x", given={"X": X}), X, X + np.inf),
    "a tensor": (lambda u: assert_close(u, torch.ones(2), what="x"), torch.ones(2), torch.zeros(2)),
    "no value at all": (lambda u: assert_close(u, X, what="x"), X, None),
}


@pytest.mark.parametrize(("claim", "right", "wrong"), CLAIMS.values(), ids=CLAIMS)
def test_a_judgement_holds_where_the_comparison_does(claim, right, wrong):
    with witnessed() as witness:
        claim(Unknown(0))
    (judgement,) = witness.judgements
    assert judgement.of_answers()
    assert not witness.escaped
    claim(right)
    assert judgement.holds([right])
    with pytest.raises(Mismatch):
        claim(wrong)
    assert not judgement.holds([wrong])


def test_what_is_known_is_compared_at_once():
    with witnessed() as witness, pytest.raises(Mismatch):
        assert_close(X + 1, X, what="x")
    (judgement,) = witness.judgements
    assert not judgement.of_answers()


def test_what_is_expected_is_kept_as_it_was_and_nobody_can_change_it():
    expected = X.copy()
    with witnessed() as witness:
        assert_close(Unknown(0), expected, what="x")
        expected += 1
    (judgement,) = witness.judgements
    assert judgement.holds([X])
    (_, kept), _ = judgement.arguments
    with pytest.raises(ValueError, match="read-only"):
        kept += 1


def test_a_judgement_that_was_made_travels_as_it_was_noted():
    with witnessed() as witness:
        assert_close(Unknown(0), X, what="x")
    (judgement,) = witness.judgements
    judgement.holds([X])
    again = pickle.loads(pickle.dumps(judgement))
    assert again == judgement
    assert vars(again).keys() == {"by", "of"}
    assert again.holds([X])
    assert not again.holds([X + 1])


def test_what_cannot_be_kept_is_no_judgement():
    with witnessed() as witness:
        assert_close(X, X, what="x", given={"f": lambda: 1})  # a clue: it decides nothing
        assert not witness.escaped
        with pytest.raises(Mismatch):
            assert_close(lambda: 1, X, what="x")
    assert witness.escaped


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (lambda u: assert_close(X, X, what="another text"), True),
        (lambda u: assert_close(u, X, what="x"), True),
        (lambda u: assert_close(X, u, what="x"), True),
        (lambda u: assert_close(X, X + 0, what="x"), True),
        (lambda u: assert_close(X, X + 1e-15, what="x"), False),
        (lambda u: assert_close(X, X, what="x", rtol=1e-9), False),
        (lambda u: assert_close(X, expected=X, what="x"), False),
        (lambda u: assert_scalar(1.0, 1.0, what="x"), False),
    ],
)
def test_judgements_agree_when_all_that_both_know_is_the_same(other, same):
    with witnessed() as witness:
        assert_close(X, X, what="x")
        other(Unknown(0))
    first, second = witness.judgements
    assert first.agrees(second) is same


def test_without_a_witness_a_comparison_is_just_made():
    assert_close(X, X, what="x")
    with pytest.raises(Mismatch):
        assert_close(X, X + 1, what="x")
    assert JUDGES.keys() == {"assert_array", "assert_close", "assert_finite", "assert_scalar"}


def test_a_judgement_of_what_is_not_there_does_not_hold():
    with witnessed() as witness:
        assert_close(Unknown(0)["loss"], X, what="x")
    assert not witness.judgements[0].holds([{"cost": X}])
    assert not Judgement(by="assert_close", of=witness.judgements[0].of).holds([])
