import numpy as np
import pytest
import torch

from grader.errors import WireError
from grader.wire.frame import MAX_DATA
from grader.wire.unfold import VALUE, bounded


def doubled(times, core):
    for _ in range(times):
        core = [core, core]
    return core


def test_what_is_shared_now_and_then_is_fine():
    row = [1.0, 2.0]
    bounded([[row, row, (row, {"row": row})], {"x": {1, 2}, "s": "text"}, np.ones(3), torch.ones(3), None])


@pytest.mark.parametrize(
    "value",
    [
        doubled(50, 1.0),
        doubled(21, ()),
        [np.zeros(1 << 20)] * 100,
        [torch.zeros(1 << 20, dtype=torch.float64)] * 100,
        {"x": ["s" * (1 << 20)] * 600},
        tuple([b"x" * (1 << 20)] * 600),
    ],
)
def test_what_takes_an_eternity_to_walk_through_is_refused_at_once(value):
    with pytest.raises(WireError, match="too large to unfold"):
        bounded([0, value])


def test_as_many_values_as_a_frame_may_hold_are_fine():
    row = [0.0] * 1000
    bounded([[row] * (MAX_DATA // VALUE // 1010)])


def test_each_value_may_be_large_by_itself():
    bounded([[0.0] * (1 << 20)] * 3)


@pytest.mark.parametrize("make", [lambda x: [x], lambda x: {"x": x}, lambda x: (1, x)])
def test_a_value_that_holds_itself_is_refused(make):
    loop = []
    loop.append(make(loop))
    with pytest.raises(WireError, match="a value holds itself"):
        bounded([loop])


def test_what_was_built_deeper_than_a_frame_reaches_is_refused():
    deep = []
    for _ in range(300):
        deep = [deep]
    with pytest.raises(WireError, match="nested more than 200 deep"):
        bounded([deep])
