"""Requests that are sent before a check makes them: what comes of it is what comes of asking one by one."""

import json
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.errors import SubmissionCrashed, SubmissionTimeout
from grader.model import Cell, Limits
from grader.remote import Call, Diverged, Recorder, Session, SubmissionRaised, ahead
from grader.remote import session as session_module
from grader.remote.ahead import Ahead, Answers, Plan
from grader.sandbox.channel import Channel, Closed
from grader.sandbox.foretold import unforetold
from grader.wire import HEAD

SOURCE = """
import os, sys
import numpy as np
scale = 3.0
def echo(x): return x
def same(a, b): return a is b
def double(x): return 2 * x
def pair(x): return 2 * x, {"x": x, "list": [1.0, 2.0]}
def use(cache): return cache["x"] + 1
def array(): return np.arange(3.0)
def write(x): x[0] = 7
def grow(rows): rows.append(len(rows))
def draw(rng): return rng.normal()
def reseed(): return np.random.default_rng(3)
def read(path): return path.read_text()
def later(f, x): return f(x)
def square(x): return x * x
def squares(x): return square(x) + square(x + 1)
def twice(f): return f(1) + f(2)
def fail(x): raise ValueError(f"no {x}")
def make(x): return Thing(x)
def things(): return [Thing(1.0), Thing(2.0)]
def count():
    yield from (1, 2)
class Thing:
    __array_ufunc__ = None
    def __init__(self, value): self.value, self.items = value, {}
    def __add__(self, other): return Thing(self.value + getattr(other, "value", other))
    __radd__ = __add__
    def __sub__(self, other): return Thing(self.value - getattr(other, "value", other))
    def __rsub__(self, other): return Thing(other - self.value)
    def __rmatmul__(self, other): return Thing(other @ self.value)
    def __neg__(self): return Thing(-self.value)
    def __iadd__(self, other): self.value += other; return self
    def __len__(self): return 3
    def __getitem__(self, key): return self.items[key]
    def __setitem__(self, key, value): self.items[key] = value
    def __call__(self, x): return x + self.value
    def double(self): return Thing(2 * self.value)
"""


def open_session(source=SOURCE, **limits):
    return Session("work", (Cell(filename="work.py", source=source),), Limits(**limits))


def plan_of(check, source=SOURCE, *, examples=1, stand_ins=None):
    """The plan of a check that was recorded with a reference, and the reason why there is none."""
    session, recorder = open_session(source), Recorder()
    try:
        with session.stand_in(stand_ins or {}):
            session.note(recorder)
            run(check, session, examples)
            session.note(None)
    finally:
        session.close()
    return recorder.plan(), recorder.reason


def run(check, session, examples=1):
    """What a check returns, example by example, or what it raises; anew if it asks something else than was sent."""
    said = []
    try:
        for number in range(examples):
            session.example(number)
            said.append(outcome(check, session))
    except Diverged:
        session.close()
        return run(check, session, examples)
    return said


def outcome(check, session):
    try:
        return repr(check(session.module))
    except Diverged:
        raise
    except BaseException as error:
        return f"{type(error).__mro__[1:3]} {error}"


@dataclass
class Played:
    """What a check said when it was played, which requests it made itself, and whether all those sent were made."""

    said: list[str]
    asked: list[str]
    over: bool


@pytest.fixture
def asked(monkeypatch):
    """The names in all requests that are made in the ordinary way, as they are made."""
    names, original = [], Call.run

    def counted(call, message, buffers, news):
        names.append(message[2][-1] if message[2] else "")
        return original(call, message, buffers, news)

    monkeypatch.setattr(Call, "run", counted)
    return names


@pytest.fixture
def play(asked):
    """Plays a check with a submission in the ordinary way and with its requests sent ahead; both say the same."""

    def played(check, source=SOURCE, *, reference=SOURCE, examples=1, stand_ins=None, plan=None, **limits):
        if plan is None:
            plan, reason = plan_of(check, reference, examples=examples, stand_ins=stand_ins)
            assert reason == ""
        results = []
        for sent in (None, plan):
            session = open_session(source, **limits)
            session.names()
            session.begin()
            asked.clear()
            try:
                with session.stand_in(stand_ins or {}):
                    if sent is not None:
                        session.expect(sent)
                    before = session._ahead
                    said = run(check, session, examples)
                results.append(Played(said, list(asked), before is not None and before.over))
            finally:
                session.close()
        ordinary, ahead_ = results
        assert ahead_.said == ordinary.said
        return ahead_

    return played


class TestEveryKindOfRequest:
    """... can be sent ahead: none is made in the ordinary way."""

    def assert_all_ahead(self, played):
        assert (played.asked, played.over) == ([], True)

    def test_calls(self, play):
        self.assert_all_ahead(play(lambda hw: (hw.double(2), hw.double(x=np.ones(2)), hw.echo({"a": [1, (2, 3)]}))))

    def test_values_of_the_module(self, play):
        self.assert_all_ahead(play(lambda hw: (hw.scale, hw.double(1))))

    def test_attributes_of_objects(self, play):
        def check(hw):
            thing = hw.make(1.0)
            thing.value = np.ones(2)
            return thing.value, thing.double().value, hw.Thing(2.0)(3)

        self.assert_all_ahead(play(check))

    def test_operators_and_reflected_ones(self, play):
        def check(hw):
            a, b = hw.make(3.0), hw.make(2.0)
            results = [a + b, a - b, 1 + a, 1 - a, -a, np.float64(2) - a, torch.tensor(1.0) + b, (a + b) - (a - 1)]
            a += 5
            a["key"] = b
            return [result.value for result in [*results, a]], len(a), a["key"] is b

        self.assert_all_ahead(play(check))

    def test_an_array_to_the_left_of_an_object(self, play):
        self.assert_all_ahead(play(lambda hw: (np.ones(2) @ hw.make(np.arange(2.0))).value))

    def test_classes_and_isinstance(self, play):
        self.assert_all_ahead(play(lambda hw: (isinstance(hw.make(1), hw.Thing), isinstance(1, hw.Thing))))

    def test_parts_of_answers(self, play):
        def check(hw):
            out, cache = hw.pair(np.arange(3.0))
            first, second = hw.things()
            used = hw.use(cache), hw.double(cache["x"]), hw.double(cache["list"]), hw.echo(out), hw.echo([cache])
            return used, (first + second).value

        self.assert_all_ahead(play(check))

    @pytest.mark.parametrize(
        "value", ["np.arange(3.0)", "[1, 2]", "{'a': 1}", "{1, 2}", "(1, np.ones(2))", "Thing(1.0)"]
    )
    def test_what_one_call_returned_is_handed_to_the_next(self, play, value):
        source = SOURCE + f"\ndef value(): return {value}\ndef look(x): return repr(getattr(x, 'value', x))"
        self.assert_all_ahead(play(lambda hw: hw.look(hw.value()), source, reference=source))

    def test_tensors(self, play):
        source = SOURCE + "\nimport torch\ndef tensor(): return torch.ones(2)\ndef look(x): return x.sum()"
        self.assert_all_ahead(play(lambda hw: hw.look(hw.tensor()) + hw.look(torch.ones(3)), source, reference=source))

    def test_arguments_that_are_changed_in_place(self, play):
        def check(hw):
            x, rows = np.zeros(2), [5]
            hw.write(x)
            hw.grow(rows)
            hw.grow(rows)
            return x, rows, hw.double(x), hw.double(rows)

        self.assert_all_ahead(play(check))

    def test_answers_that_are_changed_in_place(self, play):
        def check(hw):
            x = hw.array()
            hw.write(x)
            return x, hw.double(x)

        self.assert_all_ahead(play(check))

    def test_generators_that_advance(self, play):
        def check(hw):
            rng, theirs = np.random.default_rng(5), hw.reseed()
            return hw.draw(rng), hw.draw(rng), rng.random(), hw.draw(theirs), hw.draw(theirs), theirs.random()

        self.assert_all_ahead(play(check))

    def test_iterators(self, play):
        self.assert_all_ahead(play(lambda hw: list(hw.count())))

    def test_files(self, play, tmp_path):
        path = tmp_path / "data.csv"
        path.write_text("1,2\n")
        self.assert_all_ahead(play(lambda hw: (hw.read(path), hw.read(path))))

    def test_exceptions(self, play):
        def check(hw):
            with pytest.raises(ValueError, match="no 1") as caught:
                hw.fail(1)
            assert isinstance(caught.value, SubmissionRaised)
            return hw.double(1)

        self.assert_all_ahead(play(check))

    def test_stand_ins_are_called_back_while_requests_lie_ready(self, play):
        def check(hw):
            return hw.squares(2), hw.double(1), hw.squares(3), hw.square(5)

        played = play(check, stand_ins={"square": lambda x: 10 * x})
        self.assert_all_ahead(played)
        assert played.said == ["(50, 2, 70, 50)"]

    def test_an_exception_of_a_stand_in_comes_out_as_itself(self, play):
        def square(x):
            raise KeyError("mine")

        self.assert_all_ahead(play(lambda hw: hw.squares(2), stand_ins={"square": square}))

    def test_several_examples(self, play):
        numbers = iter(range(1000))

        def check(hw):
            number = next(numbers) % 3
            return hw.double(hw.double(number)), hw.use(hw.pair(np.arange(float(number)))[1])

        played = play(check, examples=3)
        self.assert_all_ahead(played)
        assert len(set(played.said)) == 3

    def test_more_than_the_system_takes_at_once(self, play):
        def check(hw):
            return [hw.double(np.full(100_000, float(n)))[-1] for n in range(8)]

        self.assert_all_ahead(play(check))


class TestOtherSubmissions:
    def test_one_that_answers_in_another_structure_is_still_asked_ahead(self, play):
        source = SOURCE.replace('{"x": x, "list": [1.0, 2.0]}', "[x, 5]").replace('cache["x"]', "cache[0]")
        played = play(lambda hw: hw.use(hw.pair(np.arange(3.0))[1]), source)
        assert (played.asked, played.over) == ([], True)
        assert played.said == ["array([1., 2., 3.])"]

    def test_one_whose_cache_is_an_object_is_still_asked_ahead(self, play):
        source = SOURCE.replace('{"x": x, "list": [1.0, 2.0]}', "Thing(x)").replace('cache["x"]', "cache.value")
        played = play(lambda hw: hw.use(hw.pair(np.arange(3.0))[1]), source)
        assert (played.asked, played.over) == ([], True)

    def test_one_that_answers_something_else_is_asked_anew_by_what_it_answered(self, play):
        source = SOURCE.replace("return 2 * x", "return 3 * x")
        played = play(lambda hw: (hw.echo(1), hw.double(hw.double(1)), hw.double(2)), source)
        assert played.said == ["(1, 9, 6)"]
        assert (played.asked, played.over) == (["work", "echo", "double", "double", "double"], False)

    def test_one_with_too_short_an_answer_costs_the_request_that_needs_the_rest(self, play):
        source = SOURCE.replace('return 2 * x, {"x": x, "list": [1.0, 2.0]}', "return (2 * x,)")
        played = play(lambda hw: hw.use(hw.pair(np.arange(3.0))[1]), source)
        assert "tuple index out of range" in played.said[0]

    def test_one_that_raises_where_the_reference_does_not(self, play):
        source = SOURCE.replace("def double(x): return 2 * x", "def double(x): raise ValueError('mine')")

        def check(hw):
            with suppress(ValueError):
                hw.double(1)
            return hw.echo(5)

        assert play(check, source).asked == []
        played = play(lambda hw: (hw.echo(5), hw.double(1), hw.echo(6)), source, examples=2)
        assert ["mine" in said for said in played.said] == [True, True]
        assert played.asked == ["work", "echo", "double", "echo", "double"]

    def test_one_that_lacks_a_function_is_told_so(self, play):
        played = play(lambda hw: hw.double(1), SOURCE.replace("def double", "def dubble"))
        assert "It defines 'dubble'" in played.said[0]

    def test_one_that_changes_its_argument_where_the_reference_does_not(self, play):
        source = SOURCE.replace("def double(x): return 2 * x", "def double(x):\n    x *= 2\n    return x")

        def check(hw):
            x = np.ones(2)
            return hw.double(x), hw.double(x), x

        played = play(check, source)
        assert played.said == ["(array([4., 4.]), array([4., 4.]), array([4., 4.]))"]
        assert played.asked == ["work", "double", "double"]

    def test_a_check_that_ends_early_leaves_nothing_behind(self, asked):
        def check(hw):
            if hw.double(1) == 2:
                return hw.double(5), hw.double(6)
            return None

        plan, _ = plan_of(check)
        session = open_session(SOURCE.replace("return 2 * x", "return 3 * x"))
        try:
            for number in range(3):
                with session.stand_in({"square": lambda x: 0}):
                    session.expect(plan)
                    process = session._process
                    session.example(0)
                    assert check(session.module) is None
                assert session._process is None
                assert process.exit_text()
                assert session.module.double(number) == 3 * number
        finally:
            session.close()

    def test_a_check_that_changes_what_it_got_back_sends_what_it_holds(self, play):
        def check(hw):
            out, cache = hw.pair(np.arange(3.0))
            cache["x"][0] = 50
            cache["list"].append(9)
            return hw.use(cache), hw.double(cache["list"]), hw.echo(out)

        assert play(check).asked == []

    def test_what_only_this_submission_changes_is_noticed(self, play):
        source = SOURCE.replace("return np.arange(3.0)", "return np.zeros(3)")

        def check(hw):
            x = hw.array()
            if not x.any():
                x[0] = 50
            return hw.double(x), hw.double(1)

        played = play(check, source)
        assert played.asked == ["work", "array", "double", "double"]
        assert played.said == ["(array([100.,   0.,   0.]), 2)"]


class TestWhatIsAnsweredIsAValue:
    """What is named is what was answered then: the copy that the check holds, and no object that lives on there."""

    ALIAS = """
import numpy as np
W = np.zeros(2)
def get(): return W%s
def train(): W[:] += 1
def predict(w): return w + 0
def forward(x): return 2 * x, {'x': x%s}
def backward(x, cache, d):
    d *= 2
    return d
def both(p, q, z):
    z += 5
    return z, p is q
def shift(p, q):
    p += 1
    return q
"""
    COPY, LIVE = ALIAS % (".copy()", ".copy()"), ALIAS % ("", "")

    def backward(self, hw):
        x, d = np.arange(3.0), np.ones(3)
        _, cache = hw.forward(x)
        back = hw.backward(x, cache, d)
        return back is d, d, x, cache

    def two_answers(self, hw):
        p, q, z = hw.get(), hw.get(), np.ones(2)
        back, same = hw.both(p, q, z)
        return back is z, same, p, q, z

    def shifted(self, hw):
        p, q = hw.get(), hw.get()
        return hw.shift(p, q), p, q

    def trained(self, hw):
        w = hw.get()
        hw.train()
        return hw.predict(w), w

    @pytest.mark.parametrize("reference", [COPY, LIVE], ids=["reference_copies", "reference_does_not"])
    @pytest.mark.parametrize("source", [COPY, LIVE], ids=["copies", "does_not"])
    @pytest.mark.parametrize("name", ["backward", "two_answers", "shifted", "trained"])
    def test_whether_a_submission_copies_what_it_returns_makes_no_difference(self, play, name, source, reference):
        check = getattr(self, name)
        plan, _ = plan_of(check, reference)
        assert len(play(check, source, plan=plan).said) == 1


PROGRAM = """
import numpy as np
COPIES = %r
W = np.zeros(2)
def of(x, bit): return x.copy() if COPIES[bit] and hasattr(x, "copy") else x
def dig(x):
    while isinstance(x, (tuple, list, dict)): x = x["a"] if isinstance(x, dict) else x[0]
    return x
def state(x): return of(W, 0)
def bump(x): W[:] += 1
def wrap(x): return {"a": of(x, 1), "n": [1.0]}
def both(x, y): return of(x, 2), [of(y, 3)]
def inside(x): return of(dig(x), 4)
def change(x): dig(x)[...] += 1
def add(x, y):
    dig(x)[...] += dig(y)
    return y if COPIES[5] else [y]
def total(x, y): return 10 * dig(x) + dig(y)
def third(x, y, z):
    dig(y)[...] += 1
    dig(z)[...] += dig(x)
    return z
"""
CALLS = {"state": 1, "bump": 1, "wrap": 1, "both": 2, "inside": 1, "change": 1, "add": 2, "total": 2, "third": 3}
bits = st.tuples(*[st.booleans()] * 6)
steps = st.one_of(
    st.tuples(st.just("poke"), st.integers(0, 20)),
    st.sampled_from(sorted(CALLS)).flatmap(lambda name: st.tuples(st.just(name), *[st.integers(0, 20)] * CALLS[name])),
)


def dig(value):
    while isinstance(value, tuple | list | dict):
        value = value["a"] if isinstance(value, dict) else value[0]
    return value


def follow(program, hw):
    """Call functions with values that are there: own ones, answers and parts of answers; change some in between."""
    values = [np.array([1.0, 2.0]), np.array([3.0, 4.0])]
    for name, *places in program:
        chosen = [values[place % len(values)] for place in places]
        if name == "poke":
            dig(chosen[0])[0] = 50
            continue
        answer = getattr(hw, name)(*chosen)
        if answer is not None:
            values.append(answer)
            values += list(answer.values() if isinstance(answer, dict) else answer if isinstance(answer, tuple) else ())
            values = [value for value in values if isinstance(dig(value), np.ndarray)]
    first = {id(dig(value)): number for number, value in reversed(list(enumerate(values)))}
    return values, [first[id(dig(value))] for value in values]


@settings(max_examples=60, deadline=None)
@given(program=st.lists(steps, min_size=2, max_size=10), reference=bits, submission=bits)
def test_whatever_is_passed_on_and_changed_by_whom_the_check_sees_what_it_would_see(program, reference, submission):
    """What a submission keeps in its module makes no difference: what begins anew does so with a new worker."""
    check = lambda hw: follow(program, hw)  # noqa: E731
    plan, _ = plan_of(check, PROGRAM % (reference,))
    said = []
    for sent in (None, plan):
        session = open_session(PROGRAM % (submission,))
        try:
            if sent is not None:
                session.expect(sent)
            said.append(run(check, session))
        finally:
            session.close()
    assert said[0] == said[1]


FORETOLD = """
def mixed(f, x, y):
    kept = [x, y]
    for name, place in STEPS:
        value = kept[place % len(kept)]
        if name == "own":
            value += 1
        elif name == "copy":
            kept.append(value.copy())
        else:
            answer = f(value) if name == "f" else stand_in(value, kept[0])
            if hasattr(answer, "shape"):
                kept.append(answer)
    return [part + 0 for part in kept]
def calls(f, x):
    return [f(x + n) for n in range(3)]
"""
ways = st.lists(st.tuples(st.sampled_from(["own", "copy", "f", "g"]), st.integers(0, 9)), min_size=1, max_size=8)


@pytest.fixture
def answered(monkeypatch):
    """The words in which calls of functions are answered, as they are sent."""
    sent, original = [], Channel.send

    def send(channel, parts, deadline=None):
        sent.extend(part for part in parts if b'["return"' in bytes(part[:40]) or b'["raise"' in bytes(part[:40]))
        return original(channel, parts, deadline)

    monkeypatch.setattr(Channel, "send", send)
    return sent


class TestForetold:
    """Functions of the checks that a submission calls as the reference did: the check makes the calls, nobody waits."""

    def test_functions_that_are_passed_are_called_and_nothing_is_answered(self, play, answered):
        called = []

        def check(hw):
            return hw.twice(lambda x: called.append(x) or x + 1), hw.twice(lambda x: called.append(x) or x + 2)

        plan, _ = plan_of(check)
        answered.clear()
        called.clear()
        session = open_session()
        try:
            with session.stand_in({}):
                session.expect(plan)
                assert run(check, session) == ["(5, 7)"]
        finally:
            session.close()
        assert called == [1, 2, 1, 2]
        assert answered == []
        assert play(check, plan=plan).asked == []

    @pytest.mark.parametrize("order", ["2, 0, 1", "0, 2, 1", "0, 0, 1", "0", "0, 1, 2, 3"])
    def test_a_submission_that_calls_otherwise_gets_the_answers_to_what_it_asks(self, play, order):
        called = []

        def check(hw):
            called.append([])
            return hw.calls(lambda x: called[-1].append(x) or 2 * x, 5), hw.calls(lambda x: x, 1)

        reference, source = SOURCE + FORETOLD, SOURCE + FORETOLD.replace("range(3)", f"({order},)")
        play(check, source, reference=reference)
        assert called[-2] == called[-1] == [5 + int(n) for n in order.split(",")]

    def test_what_a_function_changes_in_place_is_changed_on_both_sides(self, play):
        def bump(x):
            x += 1
            return x.sum()

        def check(hw):
            x = np.zeros(2)
            return hw.twice(lambda n: bump(x)), hw.later(bump, x), x

        assert play(check, reference=SOURCE).asked == []

    @settings(max_examples=80, deadline=None)
    @given(steps=ways, others=ways, same=st.booleans(), shared=st.booleans())
    def test_whoever_calls_what_in_which_order_sees_what_it_would_see(self, steps, others, same, shared):
        """The reference takes some steps, the submission the same or others; functions change what they are given."""
        log = []

        def f(value):
            log.append(value.copy())
            value *= 2
            return float(value.sum())

        def stand_in(value, first):
            log.append((value.copy(), value is first))
            first += 1
            return value if shared else value + first

        def check(hw):
            log.clear()
            x, y = np.array([1.0, 2.0]), np.array([3.0, 4.0])
            return hw.mixed(f, x, y), hw.mixed(f, y, y), x, y

        stand_ins = {"stand_in": stand_in}

        def source(steps):
            steps = [["stand_in" if name == "g" else name, place] for name, place in steps]
            return SOURCE + FORETOLD.replace("STEPS", repr(steps))

        plan, reason = plan_of(check, source(steps), stand_ins=stand_ins)
        assert reason == ""
        found = []
        for sent in (None, plan):
            session = open_session(source(steps if same else others))
            try:
                with session.stand_in(stand_ins):
                    if sent is not None:
                        session.expect(sent)
                    found.append((run(check, session), repr(log)))
            finally:
                session.close()
        assert found[0] == found[1]

    def test_an_exception_of_a_function_that_is_passed_comes_out_as_itself(self, play):
        def refuse(x):
            raise KeyError("mine")

        assert "mine" in play(lambda hw: hw.later(refuse, 1)).said[0]

    def test_a_function_that_answers_otherwise_the_second_time_begins_anew(self, play):
        answers = iter(range(100))
        plan, _ = plan_of(lambda hw: hw.later(lambda x: next(answers), 1))
        session = open_session()
        try:
            with session.stand_in({}):
                session.expect(plan)
                session.example(0)
                with pytest.raises(Diverged):
                    session.module.later(lambda x: next(answers), 1)
                assert session._process is None
        finally:
            session.close()

    def test_calls_of_a_function_that_is_unforetold_are_not(self, play, answered):
        check = lambda hw: (hw.twice(unforetold(lambda x: x + 1)), hw.squares(2))  # noqa: E731
        stand_ins = {"square": lambda x: 10 * x}
        plan, _ = plan_of(check, stand_ins=stand_ins)
        assert [len(called) for called in plan.foretold] == [0, 2]
        answered.clear()
        assert play(check, stand_ins=stand_ins, plan=plan).said == ["(5, 50)"]
        assert len(answered) == 4 + 2  # the ordinary way, and with the requests sent ahead

    def test_of_very_many_the_first_are(self, play, answered, monkeypatch):
        check = lambda hw: (hw.twice(lambda x: x + 1), hw.twice(lambda x: x + 2))  # noqa: E731
        plan, _ = plan_of(check)
        size = sum(len(one.sealed) for called in plan.foretold for one in called)
        monkeypatch.setattr(ahead, "MOST_FORETOLD", size - 1)
        plan, _ = plan_of(check)
        assert [len(called) for called in plan.foretold] == [2, 1]
        answered.clear()
        play(check, plan=plan)
        assert len(answered) == 4 + 1

    def test_functions_are_numbered_anew_for_each_plan(self):
        """So that what the reference was asked is what a submission is asked, whatever was passed before."""
        check = lambda hw: hw.later(lambda x: x + 1, 1)  # noqa: E731
        plans, session = [], open_session()
        try:
            with session.stand_in({}):
                for _ in range(2):
                    session.module.later(lambda x: x, 5)
                    recorder = Recorder()
                    session.note(recorder)
                    run(check, session)
                    session.note(None)
                    plans.append(recorder.plan())
        finally:
            session.close()
        assert plans[0] == plans[1]


class TestWhatCannotBeSentAhead:
    def reason(self, check, **options):
        plan, reason = plan_of(check, **options)
        assert plan is None
        return reason

    def test_a_function_of_the_submission_that_is_passed(self):
        assert "a function that the check passes asks" in self.reason(lambda hw: hw.later(hw.double, 1))
        assert "a function that the check passes asks" in self.reason(lambda hw: hw.later(lambda x: hw.double(x), 1))

    def test_a_stand_in_that_asks_the_submission_in_turn(self):
        held = []

        def check(hw):
            held[:] = [hw]
            return hw.squares(1)

        reason = self.reason(check, stand_ins={"square": lambda x: held[0].double(x)})
        assert "asks the submission in turn" in reason

    def test_an_object_of_an_earlier_example(self):
        things = []

        def check(hw):
            things.append(hw.make(1.0))
            return things[0].value

        assert self.reason(check, examples=2) == "it uses an object of an earlier example"

    def test_more_bytes_than_may_lie_ready(self, monkeypatch):
        check = lambda hw: [hw.double(np.ones(100)) for _ in range(3)]  # noqa: E731
        monkeypatch.setattr(ahead, "MOST_BYTES", 2400)
        assert plan_of(check)[0] is not None
        monkeypatch.setattr(ahead, "MOST_BYTES", 2399)
        assert "asks too much" in self.reason(check)

    def test_more_calls_than_may_lie_ready(self, monkeypatch):
        check = lambda hw: [hw.double(n) for n in range(3)]  # noqa: E731
        monkeypatch.setattr(ahead, "MOST_CALLS", 3)
        assert plan_of(check)[0] is not None
        monkeypatch.setattr(ahead, "MOST_CALLS", 2)
        assert "asks too much" in self.reason(check)

    def test_nothing(self):
        assert plan_of(lambda hw: 5) == (None, "")


class TestDiverging:
    """A check that asks something else than was sent begins anew, with a new worker."""

    THREE = SOURCE.replace("return 2 * x", "return 3 * x")

    def test_no_handler_of_the_check_stops_it(self, play):
        handled = []

        def check(hw):
            number = hw.double(1)
            try:
                return hw.echo(number)
            except Exception:
                handled.append("except")
            finally:
                with suppress(Exception):
                    hw.echo(number)

        assert not issubclass(Diverged, Exception)
        assert play(check, self.THREE).said == ["3"]
        assert handled == []

    def test_the_worker_is_a_new_one_and_remembers_nothing(self, play):
        source = self.THREE + "\nseen = []\ndef remember(x):\n    seen.append(x)\n    return len(seen)"
        reference = source.replace("return 3 * x", "return 2 * x")

        def check(hw):
            return hw.remember(5), hw.remember(hw.double(1)), hw.remember(6)

        played = play(check, source, reference=reference)
        assert played.said == ["(1, 2, 3)"]
        assert played.asked == ["work", "remember", "double", "remember", "remember"]

    def test_stand_ins_stand_in_there_too(self, play):
        check = lambda hw: (hw.echo(hw.double(1)), hw.squares(2))  # noqa: E731
        played = play(check, self.THREE, stand_ins={"square": lambda x: 10 * x})
        assert played.said == ["(3, 50)"]
        assert played.asked[0] == "work"

    def test_while_a_stand_in_is_being_called_back(self, play):
        def check(hw):
            if hw.double(1) == 2:  # so it is for the reference, and not for the submission
                hw.echo(1)
            return hw.squares(hw.double(1)), hw.squares(2)

        played = play(check, self.THREE, stand_ins={"square": lambda x: 10 * x})
        assert played.said == ["(70, 50)"]
        assert not played.over

    def test_of_a_submission_that_calls_a_stand_in_again_and_again(self, play):
        """The call that lies ready is never answered, and what it does counts for nothing."""
        source = self.THREE.replace(
            "def squares(x): return square(x) + square(x + 1)",
            "def squares(x):\n    for _ in range(5):\n        try: return square(x) + square(x + 1)\n        except Exception: pass",
        )
        played = play(
            lambda hw: (hw.squares(hw.double(1)), hw.double(4)), source, stand_ins={"square": lambda x: 10 * x}
        )
        assert played.said == ["(70, 12)"]

    def test_objects_of_the_worker_that_is_gone_are_lost(self):
        plan, _ = plan_of(lambda hw: (hw.make(1), hw.echo(hw.double(1))))
        session = open_session(self.THREE)
        try:
            with session.stand_in({}):
                session.expect(plan)
                session.example(0)
                thing = session.module.make(1)
                with pytest.raises(Diverged):
                    session.module.echo(session.module.double(1))
                session.close()
                with pytest.raises(SubmissionCrashed, match="was lost"):
                    session.module.echo(thing)
        finally:
            session.close()

    def test_stand_ins_do_no_work_for_calls_that_lie_ready_when_their_check_is_over(self):
        worked = []
        check = lambda hw: (hw.double(1), hw.squares(2))  # noqa: E731
        stand_ins = {"square": lambda x: worked.append(x) or x}
        plan, _ = plan_of(check, stand_ins=stand_ins)
        worked.clear()
        session = open_session()
        try:
            with session.stand_in(stand_ins):
                session.expect(plan)
                session.example(0)
                assert session.module.double(1) == 2
            assert worked == []
            assert session.module.squares(2) == 13
        finally:
            session.close()

    def test_an_example_that_asked_less_than_the_last_time(self, play):
        def check(hw):
            return hw.double(1) == 2 and (hw.echo(1), hw.echo(2))

        played = play(check, self.THREE, examples=3)
        assert played.said == ["False"] * 3
        assert played.asked == ["work", "double", "double", "double"]

    def test_the_last_example_that_asked_less_than_the_last_time_has_an_end_all_the_same(self, play):
        def check(hw):
            return hw.double(1) == 2 and (hw.echo(1), hw.echo(2))

        played = play(check, self.THREE)
        assert (played.said, played.asked, played.over) == (["False"], [], False)

    def test_an_example_that_asks_more_than_the_last_time(self, play):
        def check(hw):
            return hw.double(1) == 2 or (hw.echo(1), hw.echo(2))

        played = play(check, self.THREE, examples=2)
        assert played.said == ["(1, 2)"] * 2
        assert played.asked == ["work", "double", "echo", "echo", "double", "echo", "echo"]

    def test_what_the_last_example_asks_after_all_that_was_sent_is_asked_of_the_same_worker(self, play):
        def check(hw):
            return hw.double(1) == 2 or (hw.echo(1), hw.echo(2))

        played = play(check, self.THREE)
        assert (played.said, played.asked, played.over) == (["(1, 2)"], ["echo", "echo"], True)


class TestUnasked:
    """What was sent, and is asked by nobody when its check is over."""

    @pytest.fixture
    def leave(self):
        """Runs a check that makes the first of its two requests only: the session, and the worker that was left."""
        sessions = []

        def left(source, first, second, stand_ins=None, **limits):
            plan, _ = plan_of(lambda hw: (first(hw), second(hw)), stand_ins=stand_ins)
            session = open_session(source, **limits)
            sessions.append(session)
            session.begin()
            with session.stand_in(stand_ins or {}):
                session.expect(plan)
                session.example(0)
                first(session.module)
                process = session._process
            return session, process

        yield left
        for session in sessions:
            session.close()

    @pytest.mark.parametrize("body", ["while True: pass", "return x", "import os; os._exit(3)"])
    def test_its_worker_is_ended_and_the_next_check_has_a_new_one(self, leave, body):
        source = f"{SOURCE}\ndef echo(x):\n    {body}\n"
        session, process = leave(source, lambda hw: hw.double(1), lambda hw: hw.echo(1))
        assert session._process is None
        assert process.exit_text()
        session.begin()
        with session.stand_in({}):
            assert session.module.double(3) == 6
            assert session._process is not process

    def test_the_next_check_finds_no_trace_of_it(self, leave):
        source = SOURCE + "\nseen = []\ndef echo(x):\n    seen.append(x)\n    return seen"
        session, _ = leave(source, lambda hw: hw.double(1), lambda hw: hw.echo(1))
        assert session.module.echo(2) == [2]

    def test_a_worker_that_waits_for_a_stand_in_is_ended(self, leave):
        stand_ins = {"square": lambda x: x}
        session, process = leave(SOURCE, lambda hw: hw.double(1), lambda hw: hw.squares(2), stand_ins)
        assert process.exit_text()
        assert session.module.squares(2) == 13

    def test_when_all_was_asked_the_worker_goes_on(self):
        plan, _ = plan_of(lambda hw: hw.double(1))
        session = open_session()
        try:
            with session.stand_in({}):
                session.expect(plan)
                session.example(0)
                assert session.module.double(1) == 2
                process = session._process
            with session.stand_in({}):  # a check of which nothing was sent
                for number in range(3):
                    session.example(number)
                    assert session.module.double(number) == 2 * number
            assert session._process is process
        finally:
            session.close()

    def test_a_check_that_fails_leaves_nothing_behind_either(self):
        plan, _ = plan_of(lambda hw: (hw.double(1), hw.double(2)))
        session = open_session()
        try:
            with suppress(AssertionError), session.stand_in({}):
                session.expect(plan)
                session.example(0)
                assert session.module.double(1) == 3
            assert session._process is None
            assert session.module.double(2) == 4
        finally:
            session.close()

    @pytest.fixture
    def fail(self):
        """Runs a check that has failed at the first of its two requests: the session, and the worker that it left."""
        sessions = []

        def failed(body):
            plan, _ = plan_of(lambda hw: (hw.echo(1), hw.double(2)))
            session = open_session(f"{SOURCE}\ndef echo(x):\n    raise ValueError\n\ndef double(x):\n    {body}\n")
            sessions.append(session)
            session.begin()
            with session.stand_in({}):
                session.expect(plan)
                assert session.transcript() == b""
                session.example(0)
                with pytest.raises(SubmissionRaised):
                    session.module.echo(1)
                process = session._process
            return session, process

        yield failed
        for session in sessions:
            session.close()

    def test_the_worker_of_a_check_that_has_failed_goes_on_when_it_is_through(self, fail):
        session, process = fail("return 2 * x")
        assert session._process is process
        assert session.module.double(3) == 6

    @pytest.mark.parametrize("body", ["import time; time.sleep(9)", "import os; os._exit(3)"])
    def test_one_that_is_not_is_ended(self, fail, body):
        session, process = fail(body)
        assert session._process is None
        assert process.exit_text()

    def test_one_that_answers_too_much_is_ended(self, fail, monkeypatch):
        monkeypatch.setattr("grader.remote.ahead.MOST_ANSWERED", 600)
        session, process = fail("return 'long' * 1000")
        assert session._process is None
        assert process.exit_text()


def doubles(hw):
    return [hw.double(np.arange(3.0)), hw.double(2)]


def told(plan, check, source=SOURCE, *, stand_ins=None, **limits):
    """The digest of all answers, and what the check says that is run afterwards."""
    session = open_session(source, **limits)
    session.begin()
    try:
        with session.stand_in(stand_ins or {}):
            session.expect(plan)
            return session.transcript(), run(check, session)
    finally:
        session.close()


class TestTranscripts:
    """A digest of all answers tells whether a check has passed with just these before."""

    def test_is_the_same_for_the_same_answers_and_another_for_others(self):
        plan, _ = plan_of(doubles)
        sources = [SOURCE, SOURCE, SOURCE.replace("return 2 * x\ndef pair", "return x + x\ndef pair")]
        sources += [
            SOURCE.replace("def double(x): return 2 * x", f"def double(x): {body}")
            for body in ("return 2.0 * x", "return np.asarray(2 * x)")
        ]
        first, again, as_sum, *others = (told(plan, doubles, source)[0] for source in sources)
        assert len(first) == 32
        assert first == again == as_sum
        assert len({first, *others}) == 1 + len(others)

    def test_the_check_gets_its_answers_all_the_same(self, asked):
        plan, _ = plan_of(doubles)
        ordinary = open_session()
        said = run(doubles, ordinary)
        ordinary.close()
        asked.clear()
        digest, played = told(plan, doubles)
        assert digest
        assert played == said
        assert "double" not in asked

    def test_what_is_skipped_is_gone_and_the_next_check_works(self):
        plan, _ = plan_of(doubles)
        session = open_session()
        try:
            for _ in range(2):
                session.begin()
                with session.stand_in({}):
                    session.expect(plan)
                    assert session.transcript()
                    session.abandon()
            assert session.module.double(4) == 8
        finally:
            session.close()

    def test_what_raises_is_left_to_the_check(self):
        plan, _ = plan_of(doubles)
        source = SOURCE.replace("def double(x): return 2 * x", "def double(x): raise ValueError('two')")
        digest, (said,) = told(plan, doubles, source)
        assert digest == b""
        assert "two" in said

    def test_calls_that_were_foretold_are_no_answers_and_do_not_hold_up(self):
        check = lambda hw: (hw.squares(2), hw.later(lambda x: x + 1, 5))  # noqa: E731
        stand_ins = {"square": lambda x: 10 * x}
        plan, _ = plan_of(check, stand_ins=stand_ins)
        first, second = (told(plan, check, stand_ins=stand_ins) for _ in range(2))
        assert first == second
        assert (len(first[0]), first[1]) == (32, ["(50, 6)"])

    def test_fewer_calls_and_the_same_answer_are_another_transcript(self):
        check = lambda hw: hw.twice(lambda x: 5)  # noqa: E731
        plan, _ = plan_of(check)
        often, once = (
            told(plan, check, SOURCE.replace("f(1) + f(2)", body))[0] for body in ("f(1) + f(2)", "2 * f(1)")
        )
        assert often
        assert once
        assert often != once

    @pytest.mark.parametrize("body", ["square(x + 1) + square(x)", "square(x) + square(x + 1) + square(x + 2)"])
    def test_calls_that_were_not_are_left_to_the_check(self, body):
        check = lambda hw: hw.squares(2)  # noqa: E731
        stand_ins = {"square": lambda x: 10 * x}
        plan, _ = plan_of(check, stand_ins=stand_ins)
        source = SOURCE.replace("return square(x) + square(x + 1)", f"return {body}")
        digest, said = told(plan, check, source, stand_ins=stand_ins)
        assert digest == b""
        assert said == [str(eval(body, {"square": stand_ins["square"], "x": 2}))]

    def test_more_than_is_kept_is_read_by_the_check_alone(self, monkeypatch):
        plan, _ = plan_of(doubles)
        monkeypatch.setattr(ahead, "MOST_ANSWERED", 100)
        digest, said = told(plan, doubles)
        assert digest == b""
        assert said == ["[array([0., 2., 4.]), 4]"]

    @pytest.mark.parametrize(
        ("body", "says"), [("while True: pass", "did not return within"), ("os._exit(3)", "ended")]
    )
    def test_of_a_submission_that_gives_none_the_check_says_why(self, monkeypatch, body, says):
        monkeypatch.setattr(session_module, "READ_SECONDS", 0.1)
        plan, _ = plan_of(doubles)
        source = SOURCE.replace("def double(x): return 2 * x", f"def double(x):\n    {body}")
        digest, (said,) = told(plan, doubles, source, call_seconds=0.3)
        assert digest == b""
        assert says in said

    def test_without_requests_that_were_sent_there_is_none(self):
        session = open_session()
        assert session.transcript() == b""
        session.abandon()
        session.close()


class TestEnds:
    """A worker that ends or hangs in a request that was sent ahead: the verdict is that of asking one by one."""

    @pytest.mark.parametrize("body", ["os._exit(3)", "while True: pass", "import ctypes; ctypes.string_at(0)"])
    @pytest.mark.parametrize("at", [0, 1, 2])
    def test_the_check_ends_with_the_same_words(self, play, body, at):
        functions = ["echo", "double", "square"]
        source = SOURCE + f"\ndef {functions[at]}(x):\n    {body}\n"
        check = lambda hw: (hw.echo(1), hw.double(2), hw.square(3))  # noqa: E731
        (said,) = play(check, source, call_seconds=0.4).said
        assert "SubmissionGone" in said

    def test_the_next_check_has_a_worker(self):
        plan, _ = plan_of(lambda hw: (hw.echo(1), hw.double(2)))
        session = open_session(SOURCE + "\ndef double(x):\n    if x == 2: os._exit(3)\n    return x")
        try:
            session.expect(plan)
            session.example(0)
            assert session.module.echo(1) == 1
            with pytest.raises(SubmissionCrashed):
                session.module.double(2)
            assert session.module.double(3) == 3
        finally:
            session.close()

    def test_a_worker_that_is_gone_when_the_requests_are_sent_is_replaced(self):
        plan, _ = plan_of(lambda hw: hw.double(1))
        session = open_session()
        try:
            session.names()
            session._process.channel._end.shutdown(socket.SHUT_RDWR)
            session.expect(plan)
            session.example(0)
            assert session._ahead is None
            assert session.module.double(1) == 2
        finally:
            session.close()


LOADED = ["ok", "ID", [], ["t", ["d", "double", True, "fail", True], ["l"]]]
CHECK = (lambda hw: (hw.double(1), hw.double(2)), "def double(x): return 2 * x")


class FakeProcess:
    """A worker in a thread that answers requests sent ahead as it likes: `script` maps what came to what is sent."""

    def __init__(self, script):
        ours, self._theirs = socket.socketpair()
        self.channel, self._script, self.heard = Channel(ours), script, []
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self):
        channel, ready = Channel(self._theirs), []
        with suppress(Closed):
            while True:
                (kind, call, names, *_), _ = channel.receive()
                self.heard.append(kind)
                if kind == "load":
                    self._say(channel, [LOADED], [call])
                elif kind == "ahead":
                    ready = [channel.receive()[0][1] for _ in range(names[0])]
                    self._say(channel, self._script.get("ahead", []), ready)
                else:
                    self._say(channel, self._script.get(kind, []), [call, *ready])

    def _say(self, channel, answers, ids):
        for answer in answers:
            parts = [ids[part] if isinstance(part, int) and n == 1 else part for n, part in enumerate(answer)]
            text = json.dumps([ids[0] if part == "ID" else part for part in parts]).encode()
            channel.send([HEAD.pack(len(text), 0) + text])

    def cpu_seconds(self):
        return None

    def exit_text(self):
        return ""

    def kill(self):
        self.channel.close()
        self._thread.join()
        self._theirs.close()


@pytest.fixture
def hostile(monkeypatch):
    """Opens a session with a worker that follows a script, and sends the requests of `CHECK` to it."""
    plan, _ = plan_of(*CHECK)
    sessions, processes = [], []

    def make(script, **limits):
        def process(limits, cells):
            processes.append(FakeProcess(script))
            return processes[-1]

        monkeypatch.setattr("grader.remote.session.current", lambda: SimpleNamespace(process=process))
        sessions.append(open_session(**{"call_seconds": 5} | limits))
        sessions[-1].expect(plan)
        sessions[-1].example(0)
        return sessions[-1], processes

    yield make
    for session in sessions:
        session.close()


FIRST, SECOND = ["ok", 0, [], 2], ["ok", 1, [], 4]


class TestHostileWorkers:
    """Here a number in the place of the id stands for the id of that request among those sent ahead."""

    def test_the_script_of_an_honest_one_works(self, hostile):
        session, processes = hostile({"ahead": [FIRST, SECOND]})
        assert CHECK[0](session.module) == (2, 4)
        assert len(processes) == 1

    @pytest.mark.parametrize(
        "answers",
        [
            [SECOND, FIRST],
            [FIRST, FIRST],
            [FIRST, FIRST, SECOND],
            [["ok", "0" * 16, [], 2], SECOND],
            [["ok", "", [], 2]],
            [["ok", None, [], 2]],
            [["ok", ["ID"], [], 2]],
            [["win", 0, [], 2]],
            [["ok", 0, [[0, ["l"]]], 2]],
            [["ok", 0, [], ["q", 0, []]]],
            [["callback", 0, [], 0, [], {}]],
            [["callback", 1, [], 0, [], {}]],
            [FIRST, ["callback", 0, [], 0, [], {}]],
        ],
    )
    def test_answers_out_of_order_twice_or_with_other_ids_end_the_worker_and_the_check(self, hostile, answers):
        session, processes = hostile({"ahead": answers})
        process = session._process
        with pytest.raises(SubmissionCrashed, match="sent an answer that cannot be read"):
            CHECK[0](session.module)
        assert session._process is None
        assert processes == [process]

    def test_more_answers_than_requests_end_it_with_the_next_request(self, hostile):
        session, _ = hostile({"ahead": [FIRST, SECOND, SECOND]})
        assert CHECK[0](session.module) == (2, 4)
        with pytest.raises(SubmissionCrashed, match="an answer belongs to no call"):
            session.module.double(5)

    def test_none_is_a_time_out(self, hostile):
        session, _ = hostile({"ahead": [FIRST]}, call_seconds=0.3)
        with pytest.raises(SubmissionTimeout, match="double did not return"):
            CHECK[0](session.module)

    @pytest.mark.parametrize(
        "answers", [[], [FIRST], [FIRST, SECOND], [["callback", 0, [], 0, [], {}]], [["ok", "0" * 16, [], 77]]]
    )
    def test_what_lies_ready_is_not_taken_for_the_answer_to_another_request(self, hostile, answers):
        session, processes = hostile({"ahead": answers, "call": [["ok", 0, [], 77]]})
        with pytest.raises(Diverged):
            session.module.double(9)
        session.close()
        assert session.module.double(9) == 77
        assert [process.heard for process in processes] == [["load", "ahead"], ["load", "call"]]

    def test_what_lies_ready_is_gone_when_its_check_is_over(self, hostile):
        session, processes = hostile({"ahead": [FIRST, SECOND, SECOND], "call": [["ok", 0, [], 77]]})
        with session.stand_in({}):
            assert session.module.double(1) == 2
        assert session.module.double(9) == 77
        assert len(processes) == 2

    def test_ids_differ_from_check_to_check(self):
        plan, _ = plan_of(*CHECK)
        one, other = Ahead(plan), Ahead(plan)
        assert {one._named(0), one._named(1)}.isdisjoint({other._named(0), other._named(1)})


class TestAnswers:
    def test_an_answer_and_its_parts_are_named(self):
        answers, value = Answers(), ([1], {"a": (2.0, [3]), 5: "text", None: [4]})
        answers.learn(7, value)
        assert answers.name(value) == ["q", 7, []]
        assert answers.name(value[1]["a"][1]) == ["q", 7, [1, "a", 1]]
        assert answers.name(value[1][None]) is None
        assert answers.name([1]) is None

    def test_plain_values_are_not(self):
        answers = Answers()
        for value in (None, True, 10**6, 1.5, "text", b"bytes", 1j, np.float64(2)):
            answers.learn(0, value)
            assert answers.name(value) is None

    def test_one_value_has_one_name(self):
        answers, value = Answers(), [1]
        answers.learn(0, value)
        answers.learn(1, (value, value))
        assert answers.name(value) == ["q", 0, []]

    @pytest.mark.parametrize("change", [lambda v: v.append(1), lambda v: v[0].fill(5), lambda v: v[1].clear()])
    def test_what_was_changed_since_has_none(self, change):
        answers, value = Answers(), [np.zeros(2), [1]]
        answers.learn(0, value)
        change(value)
        assert answers.name(value) is None

    def test_only_what_will_be_named_is_compared(self):
        answers, value = Answers({(0, (1,))}), ([1], [2])
        answers.learn(0, value)
        assert (answers.name(value[0]), answers.name(value[1])) == (None, ["q", 0, [1]])

    def test_after_an_example_there_are_none(self):
        answers, value = Answers(), [1]
        answers.learn(0, value)
        answers.clear()
        assert answers.name(value) is None
        assert answers.target(3) is None


def test_a_plan_holds_words_and_no_ids():
    one, other = (plan_of(*CHECK)[0] for _ in range(2))
    assert isinstance(one, Plan)
    assert one == other
    assert one.starts == (0,)
