"""Answers are of one kind when a check that looks at no number cannot tell them apart."""

import numpy as np
import pytest
import torch

from grader.errors import WireError
from grader.explain.unknown import Escape, is_unknown, place_of, witnessed
from grader.remote import Answer, Kinds
from grader.remote.kinds import Handle, answer_in, concealed, revealed
from grader.wire import Encoder, pack
from grader.wire.frame import HEAD

X = np.arange(3.0)


def kind(value, changes=()):
    return Kinds().of(Answer(list(changes), value))


def frame(*values, tag="ok", changes=(), foreign=None):
    """A frame with an answer, as a worker sends it."""
    encoder = Encoder(foreign or (lambda value: ["h", 7, "Thing"]))
    trees = [encoder.encode(value) for value in values]
    data = b"".join(pack([tag, "id", list(changes), *trees], encoder.buffers))
    text = data[HEAD.size :][: len(data) - HEAD.size - encoder.size]
    return text, memoryview(data[len(data) - encoder.size :])


ALIKE = [
    (X, X + 1),
    (1.0, float("nan")),
    ((X, 2.0), (X * 2, 3.0)),
    ([1.0], [2.0]),
    ({"W": X, "n": 3}, {"W": X - 1, "n": 3}),
    (np.float32(1), np.float32(2)),
    (torch.zeros(2), torch.ones(2)),
    (None, None),
    ("name", "name"),
    (Handle(3, "Tensor"), Handle(8, "Tensor")),
]
OTHERS = [
    (X, X.astype("f")),
    (X, X[None]),
    (X, np.broadcast_to(X, X.shape)),
    (X, [1.0, 2.0, 3.0]),
    (X, torch.zeros(3, dtype=torch.float64)),
    (1.0, 1),
    (1, True),
    (1, 2),
    (1.0, np.float64(1)),
    (1.0, None),
    ((1.0,), [1.0]),
    ((1.0,), (1.0, 1.0)),
    ({"W": 1.0}, {"V": 1.0}),
    ({"W": 1.0, "b": 2.0}, {"b": 2.0, "W": 1.0}),
    ({1: 1.0}, {"1": 1.0}),
    ("name", "other"),
    ("name", b"name"),
    (torch.zeros(2), torch.zeros(2, requires_grad=True)),
    (Handle(3, "Tensor"), Handle(3, "Other")),
    (Handle(3, "Tensor"), X),
]


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_numbers_and_handles_do_not_matter(one, other):
    assert kind(one) == kind(other) is not None


@pytest.mark.parametrize(("one", "other"), OTHERS)
def test_everything_else_does(one, other):
    assert None not in (kind(one), kind(other))
    assert kind(one) != kind(other)


@pytest.mark.parametrize(
    "value", [{1, 2}, {True: 1.0}, {(1,): 1.0}, 1j, np.random.default_rng(0), (X, {1}), slice(1), np.float64]
)
def test_some_answers_have_no_kind(value):
    assert kind(value) is None


def test_an_answer_of_very_many_parts_has_no_kind_and_neither_have_many_answers_of_many_parts():
    assert kind([1.0] * 9_000) is not None
    assert kind([1.0] * 11_000) is None
    assert kind([[1.0] * 100] * 110) is None
    kinds = Kinds()
    assert [kinds.of(Answer([], (1.0,) * 4_000)) is None for _ in range(4)] == [False, False, True, True]


def test_which_object_it_is_matters_by_the_order_in_which_they_come():
    first, second = Kinds(), Kinds()
    one = [first.of(Answer([], Handle(number, "T"))) for number in (3, 4, 3)]
    other = [second.of(Answer([], Handle(number, "T"))) for number in (8, 9, 8)]
    third = [second.of(Answer([], Handle(number, "T"))) for number in (8, 8, 8)]
    assert one == other
    assert one != third


def state(seed):
    encoder = Encoder(lambda value: ["h", 0])
    return encoder.content(np.random.default_rng(seed))


def test_a_generator_that_was_used_matters_by_its_state_and_other_changes_have_no_kind():
    used = [[0, state(1)]]
    assert kind(X, used) == kind(X + 1, [[0, state(1)]])
    assert kind(X, used) != kind(X, [[0, state(2)]])
    assert kind(X, used) != kind(X, [[1, state(1)]])
    assert kind(X, used) != kind(X)
    encoder = Encoder(lambda value: ["h", 0])
    for changed in (X, [1.0], {"a": 1}, np.random.Generator(np.random.MT19937(1))):
        assert kind(X, [[0, encoder.content(changed)]]) is None
    for nonsense in ([3], [[0]], [[0, 1, 2]], "changes", {"a": 1}):
        assert Kinds().of(Answer(nonsense, X)) is None


def test_an_answer_is_read_from_its_frame_alone():
    answer = answer_in(frame((X, {"n": 3}, object())))
    assert answer.changes == []
    np.testing.assert_array_equal(answer.value[0], X)
    assert answer.value[1:] == ({"n": 3}, Handle(7, "Thing"))


def test_what_shares_parts_with_something_or_is_no_answer_is_not_read():
    shared = [X, X]
    for text, data in (
        frame(shared),
        frame(X, tag="error"),
        frame(X, X),
        frame(object(), foreign=lambda value: ["k", 1]),
        frame(object(), foreign=lambda value: ["h", "7", "Thing"]),
    ):
        with pytest.raises(WireError):
            answer_in((text, data))
    text, data = frame(X)
    with pytest.raises(WireError):
        answer_in((text, memoryview(bytes(data) + b"more")))


def test_a_concealed_answer_has_its_shape_and_its_constants_and_nothing_else():
    value = (X, {"W": [X, 2.0], "n": 3, "name": "relu"}, None, True)
    hidden = concealed(value, 4, {})
    assert type(hidden) is tuple
    assert hidden[1].keys() == value[1].keys()
    assert (hidden[1]["n"], hidden[1]["name"], *hidden[2:]) == (3, "relu", None, True)
    parts = [hidden[0], *hidden[1]["W"]]
    assert all(map(is_unknown, parts))
    assert [place_of(part) for part in parts] == [(4, (0,)), (4, (1, "W", 0)), (4, (1, "W", 1))]


def test_what_is_passed_on_is_what_was_answered_itself():
    answers, inside = [(X, {"W": X + 1}, 2.0)], {}
    hidden = concealed(answers[0], 0, inside)
    assert revealed(hidden, answers, inside) is answers[0]
    assert revealed(hidden[1], answers, inside) is answers[0][1]
    assert revealed(hidden[0], answers, inside) is X
    passed = revealed((1, hidden[0]), answers, inside)
    assert passed[1] is X
    known = ([X, 1], {"a": X})
    assert revealed(known, answers, inside) is known


@pytest.mark.parametrize(
    "passed",
    [
        lambda hidden: hidden[2],  # a number would be passed by value
        lambda hidden: hidden[0][1:],  # so would a part of an array
        lambda hidden: [hidden[0]],  # the list may be changed, and it is not this one that would be
        lambda hidden: {"x": hidden[0]},
        lambda hidden: (1, {"x": [hidden[0]]}),
    ],
)
def test_what_could_not_be_named_is_not_passed_on(passed):
    answers, inside = [(X, {"W": X + 1}, 2.0)], {}
    hidden = concealed(answers[0], 0, inside)
    with witnessed() as witness, pytest.raises(Escape):
        revealed(passed(hidden), answers, inside)
    assert witness.escaped
