"""What a request shares with the checks, and what it names of earlier answers."""

import numpy as np
import pytest

from grader.sandbox.scope import Scope
from grader.wire import Encoder


class Holder:
    """A worker that has answered three requests, and hands out a fresh copy of what it said each time."""

    def __init__(self):
        self.asked = []

    def answered(self, number):
        self.asked.append(number)
        return [np.arange(3.0), {"x": (np.ones(2), 5)}, 7][number]

    def handle(self, value):
        raise TypeError(f"a {type(value).__name__}")

    def resolve(self, tag, args):
        raise ValueError(f"unknown tag {tag!r}")

    def save_file(self, name, content):
        raise AssertionError("no file was passed")


@pytest.fixture
def scope():
    return Scope(Holder(), "id", memoryview(b""))


def test_a_part_of_an_earlier_answer_is_reached_by_its_keys(scope):
    ((ones, five, seven), _) = scope.decode([["q", 1, ["x", 0]], ["q", 1, ["x", 1]], ["q", 2, []]], {})
    assert ones.tolist() == [1, 1]
    assert (five, seven) == (5, 7)


def test_one_answer_named_twice_is_one_value(scope):
    (first, again), named = scope.decode([["q", 0, []], ["q", 0, []]], {"z": ["q", 0, []]})
    assert first is again is named["z"]
    assert scope._worker.asked == [0]


def test_what_is_named_is_shared_and_its_change_is_told_and_kept(scope):
    (x,), _ = scope.decode([["q", 0, []]], {})
    assert list(scope.changed()) == []
    x[1] = 9
    tree, buffers = scope.encode("ok", None)
    assert tree[:2] == ["ok", "id"]
    assert tree[2][0][0] == 0  # the first value that both sides number
    assert np.frombuffer(b"".join(buffers)).tolist() == [0, 9, 2]
    ((number, kept),) = scope.changed()
    assert number == 0
    assert kept is x


def test_a_part_that_is_not_there_and_other_tags_raise(scope):
    with pytest.raises(KeyError, match="nothing"):
        scope.decode([["q", 1, ["nothing"]]], {})
    with pytest.raises(ValueError, match="unknown tag 'w'"):
        scope.decode([["w", 1]], {})


def test_what_crosses_only_by_number_numbers_alike_on_both_sides(scope):
    """The checks number the parts of what they name as the worker does."""
    value = scope._worker.answered(1)
    ours = Encoder(lambda other: ["h", 0], refer=lambda other: ["q", 1, []] if other is value else None)
    assert ours.encode(value) == ["q", 1, []]
    assert ours.buffers == []
    scope.decode([["q", 1, []]], {})
    assert [type(part) for part in scope.shared.table] == [type(part) for part in ours.table]
