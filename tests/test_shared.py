from __future__ import annotations

from collections import OrderedDict

import numpy as np
import pytest
import torch

from grader.errors import WireError
from grader.model import Cell, Limits
from grader.remote import Call, Session
from grader.sandbox.shared import Shared, snapshot, unchanged
from grader.wire import BIT_GENERATORS, LARGE, Decoder, Encoder


def refuse(*args):
    raise WireError("foreign")


def cross(shared, other, *values):
    """Send values from one side to the other, with what changed."""
    encoder = Encoder(refuse, shared.table)
    changes, trees = shared.encode(encoder, values)
    decoder = Decoder(memoryview(b"".join(encoder.buffers)), refuse, other.table)
    return other.decode(decoder, changes, trees)


def test_what_changed_since_it_was_noted_reaches_the_other_side_in_place():
    ours, theirs = Shared(), Shared()
    state, x = {"n": 1}, np.zeros(2)
    (their_state, their_x) = cross(ours, theirs, state, x)
    theirs.note()
    their_state["x"] = their_x
    their_x += 5
    cross(theirs, ours)
    assert state == {"n": 1, "x": x}
    assert state["x"] is x
    assert x.tolist() == [5, 5]


def test_what_is_forgotten_on_both_sides_leaves_the_numbers_of_the_rest_in_step():
    ours, theirs = Shared(), Shared()
    kept, passing = np.zeros(2), np.ones(2)
    (their_kept,) = cross(ours, theirs, kept)
    theirs.note()
    cross(theirs, ours, passing)
    given = ours.passing
    assert given == theirs.passing == (1, 2)
    cross(ours, theirs, np.full(3, 2.0))
    for side in (ours, theirs):
        side.forget(given, side.passing)
        assert len(side.table) == 1
    their_kept += 1
    cross(theirs, ours)
    assert kept.tolist() == [1, 1]


def test_a_call_with_many_callbacks_keeps_only_its_own_arguments(monkeypatch):
    sizes = []
    before = Call._call_back

    def counted(self, *args):
        answer = before(self, *args)
        sizes.append(len(self._shared.table))
        return answer

    monkeypatch.setattr(Call, "_call_back", counted)
    source = "def f(g, x):\n    for _ in range(20):\n        x[0] = g(x, x + 1)[0]\n    return x"
    session = Session("work", (Cell(filename="work.py", source=source),), Limits())
    x = np.zeros(3)
    try:
        assert session.module.f(lambda x, y: x + y, x) is x
    finally:
        session.close()
    assert x[0] == 2**20 - 1
    assert len(set(sizes)) == 1


def test_nothing_has_happened_when_a_value_cannot_be_sent():
    shared = Shared()
    cross(shared, Shared(), [1])
    with pytest.raises(WireError):
        shared.encode(Encoder(refuse, shared.table), [[2], object()])
    assert shared.table == [[1]]


@pytest.mark.parametrize("changes", [5, [5], [[0]], [[0, 1, 2]], [["0", ["l"]]], [[9, ["l"]]]])
def test_malformed_changes_are_refused(changes):
    with pytest.raises(WireError):
        Shared().decode(Decoder(memoryview(b""), refuse), changes, [])


def test_containers_are_compared_by_the_identity_of_their_parts():
    x, y = np.zeros(2), np.zeros(2)
    assert unchanged([x], snapshot([x]))
    assert not unchanged([y], snapshot([x]))
    assert not unchanged({"b": x}, snapshot({"a": x}))
    assert not unchanged({"a": y}, snapshot({"a": x}))


def kinds(size):
    bits = [getattr(np.random, name)(0) for name in sorted(BIT_GENERATORS)]
    return [
        (np.zeros(size), lambda x: x.__setitem__(-1, 1)),
        (np.zeros((size, 3)).T[:, ::2], lambda x: x.__setitem__((-1, -1), 1)),
        (np.full(size, np.nan).view(np.matrix), lambda x: x.__setitem__((0, 0), 1)),
        (torch.zeros(size), lambda x: x.add_(1)),
        (torch.Generator(), lambda g: torch.rand(1, generator=g)),
        (OrderedDict(a=1), lambda d: d.update(b=2)),
        ({1}, lambda s: s.add(2)),
        *[(np.random.Generator(kind), lambda g: g.random()) for kind in bits],
    ]


def test_an_array_that_was_resized_has_changed():
    for before, after in ((LARGE, 3), (LARGE, LARGE + 8), (3, LARGE), (LARGE + 3, LARGE)):
        x = np.zeros(before, np.uint8)
        held = snapshot(x)
        x.resize(after, refcheck=False)
        assert not unchanged(x, held)


def test_the_last_odd_byte_of_a_large_array_counts():
    x = np.zeros(LARGE + 3, np.uint8)
    held = snapshot(x)
    x[-1] = 1
    assert not unchanged(x, held)


@pytest.mark.parametrize("size", [3, LARGE // 8 - 1, LARGE // 8, LARGE])
def test_a_change_of_any_kind_of_value_is_seen_and_only_a_change(size):
    for value, change in kinds(size):
        before = snapshot(value)
        assert unchanged(value, before), type(value)
        change(value)
        assert not unchanged(value, before), type(value)
