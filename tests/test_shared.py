from __future__ import annotations

import numpy as np
import pytest

from grader.errors import WireError
from grader.model import Cell, Limits
from grader.remote import Call, Session
from grader.sandbox.shared import Shared, same, snapshot
from grader.wire import Decoder, Encoder


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
        before(self, *args)
        sizes.append(len(self._shared.table))

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
    assert same(snapshot([x]), snapshot([x]))
    assert not same(snapshot([x]), snapshot([y]))
    assert not same(snapshot({"a": x}), snapshot({"b": x}))
