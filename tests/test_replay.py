"""Checks that are played from the tape: the verdict is that of the ordinary way."""

import functools
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import assume, example, given, note, settings
from hypothesis import strategies as st
from hypothesis.errors import FlakyFailure

from grader import replay
from grader.errors import NotStarted, SubmissionCrashed, SubmissionTimeout
from grader.hypothesis_run import EXAMPLES, configured
from grader.model import Cell, Limits
from grader.remote import Diverged, Plan, Recorder, Session
from grader.replay import is_drawn, play, record
from grader.run import guard
from grader.tape import NO_ARGUMENTS, Tape, Taped

PLAN = Plan(words=((b"", b""),), starts=(0,), foretold=((),), named=frozenset())


class Subject:
    """A submission that writes down what it is told, and is asked something else than was sent at one example."""

    def __init__(self, answers=b"", diverges=None):
        self.told = []
        self.answers, self.diverges = answers, diverges

    def transcript(self):
        return self.answers

    def abandon(self):
        self.told.append("abandon")

    def begin(self):
        self.told.append("begin")

    def note(self, recorder):
        self.told.append("note" if isinstance(recorder, Recorder) else "note none")

    def expect(self, plan):
        self.told.append(plan)

    def example(self, number):
        self.told.append(number)
        if number == self.diverges:
            raise Diverged

    def in_step(self):
        return self.diverges is None

    def anew(self):
        self.told.append("anew")


def within(function, action):
    with configured(function, "TestNorm::test_x", "a secret", functools.partial(guard, {})):
        return action()


def taped(function, reference, subject=None, **others):
    tape = Tape()
    within(function, lambda: record(tape, "x", function, {"hw": reference, **others}, subject or Subject()))
    return tape.checks["x"]


def played(made, function, hw, subject=None, **others):
    tape = Tape(checks={"x": made})
    return within(function, lambda: play(tape, "x", function, {"hw": hw, **others}, subject or Subject()))


def ordinarily(function, hw, **others):
    return within(function, lambda: function(hw=hw, **others))


def check(*, x=None, body=None, **options):
    """A test that a submission, a function, gives what the reference gives; and the list of what it was run on."""
    seen = []

    def test(hw, x):
        seen.append(x)
        if body is not None:
            body(x)
        assert hw(x) == abs(x), f"wrong for {x}"

    return given(x=st.integers() if x is None else x, **options)(test), seen


@given(x=st.lists(st.integers(), min_size=1))
def changes_its_argument(hw, x):
    x.append(max(x))
    assert hw(x) == x[-1], f"wrong for {x}"


class TestRecording:
    def test_a_check_with_its_examples_is_on_the_tape_and_the_reference_has_passed(self):
        function, seen = check()
        subject = Subject()
        made = taped(function, abs, subject)
        assert len(made.examples) == EXAMPLES
        assert (made.plan, made.reason) == (None, "")
        assert subject.told == ["note", *range(EXAMPLES), "note none"]
        assert set(seen) == {one.values()["x"] for one in made.examples}

    def test_a_plain_check_has_one_example_without_arguments(self):
        def test(hw):
            assert hw(1) == 1

        subject = Subject()
        assert taped(test, abs, subject) == Taped(examples=(NO_ARGUMENTS,))
        assert subject.told == ["note", 0, "note none"]

    def test_a_bound_method_is_taped_too(self):
        class TestNorm:
            @given(x=st.integers())
            def test_x(self, hw, x):
                assert isinstance(self, TestNorm)
                assert hw(x) == abs(x)

        function = TestNorm().test_x
        made = taped(function, abs)
        assert len(made.examples) == EXAMPLES
        assert played(made, function, abs)
        with pytest.raises(AssertionError):
            played(made, function, lambda x: x)

    @pytest.mark.parametrize(
        ("strategy", "reason"),
        [
            (st.data(), "it draws while it runs (st.data)"),
            (st.builds(lambda: lambda: 1), "what it draws cannot be kept"),
        ],
    )
    def test_what_cannot_be_taped_says_why_and_runs_the_ordinary_way(self, strategy, reason):
        seen = []

        @given(x=strategy)
        def function(hw, x):
            seen.append(hw)

        made = taped(function, abs)
        assert made.reason.startswith(reason)
        assert (made.examples, made.plan) == ((), None)
        assert len(seen) >= 1
        seen.clear()
        subject = Subject()
        assert played(made, function, abs, subject) is False
        assert (seen, subject.told) == ([], [])

    def test_a_reference_that_fails_has_no_tape_and_fails(self):
        def test(hw):
            assert hw(1) == 2

        tape = Tape()
        for function in (test, check()[0]):
            with pytest.raises(AssertionError):
                within(function, lambda f=function: record(tape, "x", f, {"hw": lambda x: 0}, Subject()))
            assert tape.checks["x"] == Taped(reason="the reference fails")

    def test_a_reference_that_fails_only_the_second_time_has_no_tape(self):
        calls = []

        def wears_out(x):
            calls.append(x)
            return abs(x) if len(calls) <= EXAMPLES or len(calls) > EXAMPLES + 1 else None

        function, _ = check()
        assert taped(function, wears_out) == Taped(reason="the reference fails")

    def test_nothing_is_noted_any_more_when_the_reference_ends_the_check(self):
        def test(hw):
            raise SubmissionTimeout("too long")

        tape, subject = Tape(), Subject()
        with pytest.raises(SubmissionTimeout):
            record(tape, "x", test, {"hw": abs}, subject)
        assert subject.told == ["note", 0, "note none"]
        assert tape.checks == {}

    def test_only_tests_of_hypothesis_are_drawn(self):
        assert is_drawn(check()[0])
        assert not is_drawn(abs)


class TestPassing:
    def test_a_check_that_passes_is_run_once_on_each_example_and_nothing_is_drawn(self):
        drawn = []
        function, seen = check(x=st.integers().map(lambda x: drawn.append(x) or x))
        made = taped(function, abs)
        expected = [one.values()["x"] for one in made.examples]
        drawn.clear()
        seen.clear()
        subject = Subject()
        assert played(made, function, abs, subject) is True
        assert (seen, drawn) == (expected, [])
        assert subject.told == list(range(EXAMPLES))

    def test_answers_that_have_passed_once_are_not_looked_at_again(self):
        function, seen = check()
        tape = Tape(checks={"x": Taped(examples=taped(function, abs).examples, plan=PLAN)})
        seen.clear()
        for answers, looked in ((b"one", True), (b"one", False), (b"other", True), (b"one", False), (b"", True)):
            subject = Subject(answers)
            assert within(function, lambda subject=subject: play(tape, "x", function, {"hw": abs}, subject))
            assert bool(seen) == looked
            assert ("abandon" in subject.told) == (not looked)
            seen.clear()

    def test_answers_that_failed_are_always_looked_at(self):
        function, _ = check()
        tape = Tape(checks={"x": Taped(examples=taped(function, abs).examples, plan=PLAN)})
        for _ in range(2):
            subject = Subject(b"wrong")
            with pytest.raises(AssertionError):
                within(function, lambda s=subject: play(tape, "x", function, {"hw": lambda x: None}, s))
            assert 0 in subject.told

    def test_only_so_many_answers_are_kept(self, monkeypatch):
        monkeypatch.setattr(replay, "TRANSCRIPTS", 2)
        function, _ = check()
        tape = Tape(checks={"x": Taped(examples=taped(function, abs).examples, plan=PLAN)})
        for answers in (b"1", b"2", b"3"):
            assert within(function, lambda a=answers: play(tape, "x", function, {"hw": abs}, Subject(a)))
        assert tape.passed == {"x": {b"1", b"2"}}

    def test_what_is_sent_ahead_is_announced_first(self):
        function, _ = check()
        made = taped(function, abs)
        subject = Subject()
        assert played(Taped(examples=made.examples, plan=PLAN), function, abs, subject)
        assert subject.told == [PLAN, *range(EXAMPLES)]

    def test_a_check_that_changes_its_arguments_does_not_change_the_tape(self):
        made = taped(changes_its_argument, max)
        before = [one.values()["x"] for one in made.examples]
        for _ in range(3):
            assert played(made, changes_its_argument, max)
        assert [one.values()["x"] for one in made.examples] == before

    def test_what_a_check_rejects_is_passed_over_and_as_much_is_left_as_ever(self):
        accepted = []
        function, _seen = check(body=lambda x: assume(x % 2) and accepted.append(x))
        made = taped(function, abs)
        accepted.clear()
        ordinarily(function, abs)
        expected = list(accepted)
        accepted.clear()
        assert played(made, function, abs)
        assert accepted == expected
        assert len(accepted) == EXAMPLES

    def test_explicit_examples_are_played(self):
        function, seen = check()
        function = example(x=12345)(function)
        made = taped(function, abs)
        seen.clear()
        assert played(made, function, abs)
        assert seen[0] == 12345

    def test_other_arguments_such_as_parameters_and_fixtures_are_handed_on(self):
        seen = []

        @given(x=st.integers())
        def function(hw, x, dtype):
            seen.append(dtype)

        made = taped(function, abs, dtype="float32")
        assert played(made, function, abs, dtype="float64")
        assert set(seen[-EXAMPLES:]) == {"float64"}
        assert all(one.values().keys() == {"x"} for one in made.examples)

    def test_a_check_that_makes_notes_is_run_the_ordinary_way_or_passes(self):
        function, _ = check(body=lambda x: note("a note"))
        made = taped(function, abs)
        assert played(made, function, abs) == bool(made.examples)


def message_of(action):
    with pytest.raises(AssertionError) as caught:
        action()
    return str(caught.value).split("\n")[0]


class TestFailing:
    @pytest.mark.parametrize("limit", [10, 1000])
    def test_the_message_tells_the_smallest_example_as_in_the_ordinary_way(self, limit):
        function, _ = check(x=st.integers(0, 10_000))
        made = taped(function, abs)

        def wrong(x):
            return abs(x) if x < limit else -1

        said = message_of(lambda: played(made, function, wrong))
        assert said == message_of(lambda: ordinarily(function, wrong)) == f"wrong for {limit}"

    def test_shrinking_starts_from_what_has_failed_and_draws_nothing_else(self):
        function, seen = check(x=st.integers(0, 10_000))
        made = taped(function, abs)
        first = next(value for one in made.examples if (value := one.values()["x"]) >= 1000)
        seen.clear()
        with pytest.raises(AssertionError):
            played(made, function, lambda x: x if x < 1000 else -1)
        confirmed = seen.index(first, seen.index(first) + 1)
        assert seen[:confirmed] == [one.values()["x"] for one in made.examples][:confirmed]

    def test_what_was_sent_ahead_is_abandoned_before_another_look(self):
        function, _ = check()
        subject = Subject()
        made = Taped(examples=taped(function, abs).examples, plan=PLAN)
        with pytest.raises(AssertionError):
            played(made, function, lambda x: None, subject)
        assert subject.told == [PLAN, 0, "abandon"]

    def test_a_check_that_changes_its_arguments_fails_on_what_was_drawn(self):
        made = taped(changes_its_argument, max)
        assert message_of(lambda: played(made, changes_its_argument, min)) == message_of(
            lambda: ordinarily(changes_its_argument, min)
        )

    def test_a_plain_check_that_fails_is_run_again(self):
        subject, calls = Subject(), []

        def test(hw):
            calls.append("abandon" in subject.told)
            assert hw(1) == 1, "wrong"

        made = taped(test, abs)
        calls.clear()
        assert message_of(lambda: played(made, test, lambda x: 0, subject)) == "wrong"
        assert calls == [False, True]

    def test_an_explicit_example_that_fails_is_run_again(self):
        function, seen = check()
        function = example(x=12345)(function)
        made = taped(function, abs)
        seen.clear()
        subject = Subject()
        said = message_of(lambda: played(made, function, lambda x: 0 if x == 12345 else abs(x), subject))
        assert said == "wrong for 12345"
        assert set(seen) == {12345}
        assert subject.told == [0, "abandon"]

    def test_a_failure_that_does_not_come_again_is_one(self):
        """Such as that of a submission which remembers something from one request to the next."""
        function, _ = check()
        made = taped(function, abs)
        calls = []

        def once(x):
            calls.append(x)
            return None if len(calls) == 3 else abs(x)

        with pytest.raises(FlakyFailure) as caught:
            played(made, function, once)
        assert len(calls) == 4
        (first,) = caught.value.exceptions
        assert str(first).startswith(f"wrong for {calls[2]}")

    def test_a_failure_of_a_plain_check_that_does_not_come_again_is_one(self):
        def test(hw):
            assert hw(1) == 1, "wrong"

        made = taped(test, abs)
        answers = iter([0, 1])
        with pytest.raises(FlakyFailure) as caught:
            played(made, test, lambda x: next(answers))
        assert [str(error).split("\n")[0] for error in caught.value.exceptions] == ["wrong"]
        assert next(answers, None) is None

    def test_a_failure_of_an_explicit_example_that_does_not_come_again_is_one(self):
        function, _ = check()
        function = example(x=12345)(function)
        made = taped(function, abs)
        calls = []
        with pytest.raises(FlakyFailure):
            played(made, function, lambda x: calls.append(x) or (abs(x) if len(calls) > 1 else None))
        assert len(calls) > 1

    def test_what_failed_once_has_not_passed_with_these_answers(self):
        function, _ = check()
        tape = Tape(checks={"x": Taped(examples=taped(function, abs).examples, plan=PLAN)})
        answers = iter([None])
        with pytest.raises(FlakyFailure):
            within(
                function, lambda: play(tape, "x", function, {"hw": lambda x: next(answers, abs(x))}, Subject(b"same"))
            )
        assert tape.passed == {"x": set()}

    def test_a_failure_of_the_ordinary_way_alone_is_none_of_the_tapes(self):
        """The tape has all examples that decide; what the ordinary way tries only then has no say."""
        function, _ = check()
        made = taped(function, abs)
        assert played(made, function, abs) is True

    def test_afterwards_the_test_is_as_it_was(self):
        function, _ = check()
        made = taped(function, abs)
        before = dict(vars(function)), vars(function.hypothesis).copy()
        with pytest.raises(AssertionError):
            played(made, function, lambda x: None)
        assert (vars(function), vars(function.hypothesis)) == before

    def test_nothing_is_left_in_a_folder(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        function, _ = check()
        made = taped(function, abs)
        with pytest.raises(AssertionError):
            played(made, function, lambda x: None)
        assert list(tmp_path.iterdir()) == []


class TestBudget:
    """After a while only what has failed is run again."""

    @pytest.fixture
    def clock(self, monkeypatch):
        """Time that goes by only when the test says so."""
        now = [0.0]
        monkeypatch.setattr(replay.time, "monotonic", lambda: now[0])
        return now

    def stops_after(self, clock, calls):
        """A wrong submission that takes all the time there is in one of its calls that fail."""
        failed = []

        def wrong(x):
            value = x[0] if isinstance(x, list | np.ndarray) else x
            if value < 1000:
                return abs(value)
            failed.append(value)
            if len(failed) == calls:
                clock[0] += replay.SHRINKING + 1
            return -1

        return wrong, failed

    @pytest.mark.parametrize("calls", [2, 3, 5])
    def test_when_the_time_is_over_the_smallest_so_far_is_told(self, clock, calls):
        function, _ = check(x=st.integers(0, 100_000))
        made = taped(function, abs)
        wrong, failed = self.stops_after(clock, calls)
        said = message_of(lambda: played(made, function, wrong))
        assert said == f"wrong for {min(failed[:calls])}"
        assert set(failed) == set(failed[:calls])
        assert min(failed) >= 1000

    def test_an_argument_that_the_check_changes_is_known_again(self, clock):
        @given(x=st.lists(st.integers(0, 100_000), min_size=1))
        def function(hw, x):
            value = x[0]
            x.append("changed")
            assert hw(x) == value, f"wrong for {value}"

        made = taped(function, lambda x: x[0])
        wrong, failed = self.stops_after(clock, 3)
        assert message_of(lambda: played(made, function, wrong)) == f"wrong for {min(failed[:3])}"

    def test_an_argument_without_a_telling_name_is_known_again(self, clock):
        @given(x=st.integers(0, 100_000), rng=st.builds(np.random.default_rng, st.integers(0, 9)))
        def function(hw, x, rng):
            assert hw(x) == x, f"wrong for {x}"

        made = taped(function, abs)
        wrong, failed = self.stops_after(clock, 3)
        assert message_of(lambda: played(made, function, wrong)) == f"wrong for {min(failed[:3])}"

    def test_the_first_failure_is_confirmed_whatever_the_clock_says(self, clock, monkeypatch):
        monkeypatch.setattr(replay, "SHRINKING", -1.0)
        function, _seen = check(x=st.integers(0, 100_000))
        made = taped(function, abs)
        first = made.examples[0].values()["x"]
        assert message_of(lambda: played(made, function, lambda x: -1)) == f"wrong for {first}"


@pytest.mark.parametrize("verdict", [NotStarted, SubmissionTimeout, SubmissionCrashed, KeyboardInterrupt])
class TestVerdicts:
    """... that are no failures of an example end the check at once."""

    def test_on_the_first_example(self, verdict):
        function, seen = check()
        made = taped(function, abs)
        seen.clear()

        def stops(x):
            raise verdict("enough")

        subject = Subject()
        with pytest.raises(verdict, match="enough"):
            played(made, function, stops, subject)
        assert len(seen) == 1
        assert subject.told == [0]

    def test_of_a_plain_check(self, verdict):
        def test(hw):
            hw(1)

        made = taped(test, abs)

        def stops(x):
            raise verdict("enough")

        with pytest.raises(verdict, match="enough"):
            played(made, test, stops)

    def test_while_the_smallest_example_is_looked_for(self, verdict):
        function, _seen = check(x=st.integers(0, 10_000))
        made = taped(function, abs)
        calls = []

        def wrong(x):
            if x < 1000:
                return x
            calls.append(x)
            if len(calls) == 3:
                raise verdict("enough")
            return -1

        with pytest.raises(verdict, match="enough"):
            played(made, function, wrong)
        assert len(calls) == 3


class TestDiverging:
    """A check that asks something else than was sent ahead is settled the ordinary way."""

    @pytest.mark.parametrize("at", [0, 1, EXAMPLES - 1])
    def test_nothing_is_known_yet_and_the_worker_is_ended(self, at):
        function, seen = check()
        made = Taped(examples=taped(function, abs).examples, plan=PLAN)
        seen.clear()
        subject = Subject(b"answers", diverges=at)
        tape = Tape(checks={"x": made})
        assert within(function, lambda: play(tape, "x", function, {"hw": abs}, subject)) is False
        assert subject.told == [PLAN, *range(at + 1), "anew"]
        assert len(seen) == at
        assert tape.passed == {"x": set()}

    def test_in_a_request_no_handler_of_the_check_stops_it(self):
        handled = []

        def test(hw):
            with suppress(Exception):
                hw(1)
            with pytest.raises(Exception):  # noqa: B017
                hw(1)
            handled.append(1)

        def diverges(x):
            raise Diverged

        subject = Subject()
        assert played(Taped(examples=(NO_ARGUMENTS,), plan=PLAN), test, diverges, subject) is False
        assert handled == []
        assert subject.told == [PLAN, 0, "anew"]


SOURCE = """
calls, seen = [], set()
def norm(x):
    calls.append(x)
    first = x not in seen
    seen.add(x)
    return %s
def same(x): return x
def asked(): return len(calls)
"""


@given(x=st.integers(0, 1000))
def drawn(hw, x):
    assert hw.norm(x) == x, f"wrong for {x}"


@given(x=st.integers(0, 1000))
def drawn_and_passed_on(hw, x):
    assert hw.same(hw.norm(x)) == x, f"wrong for {x}"


def plain(hw):
    for x in (3, 4, 5, 6):
        assert hw.norm(x) == x, f"wrong for {x}"


def plain_and_passed_on(hw):
    for x in (3, 4, 5, 6):
        assert hw.same(hw.norm(x)) == x, f"wrong for {x}"


CHECKS = [drawn, drawn_and_passed_on, plain, plain_and_passed_on]


@pytest.fixture
def opened():
    """Opens submissions; `norm` returns what an expression gives."""
    sessions = []

    def make(returned):
        sessions.append(Session("work", (Cell(filename="work.py", source=SOURCE % returned),), Limits()))
        return sessions[-1]

    yield make
    for session in sessions:
        session.close()


def perform(session, function, tape, *, recorded=False):
    """What a whole check comes to, as it is run for pytest; whether it was settled from the tape."""
    session.begin()
    with session.stand_in({}):
        given = {"hw": session.module}
        if recorded:
            return within(function, lambda: record(tape, "x", function, given, session))
        if within(function, lambda: play(tape, "x", function, given, session)):
            return True
        within(function, lambda: function(**given))
        return False


@pytest.fixture(params=CHECKS, ids=lambda check: check.__name__)
def on_tape(request, opened):
    """A check, and a tape on which it is with all that it asks."""
    tape = Tape()
    perform(opened("x"), request.param, tape, recorded=True)
    assert tape.checks["x"].plan is not None
    return request.param, tape


class TestSubmissionsThatRemember:
    """... what they were asked: the verdict is that of the worker that was asked, or of a new one."""

    def test_one_that_answers_rightly_passes(self, opened, on_tape):
        assert perform(opened("abs(x)"), *on_tape) is True

    @pytest.mark.parametrize(
        "returned", ["-1 if first else x", "x if len(calls) > 1 else -1", "-1 if len(calls) % 2 else x"]
    )
    def test_one_that_answers_rightly_only_the_second_time_fails(self, opened, on_tape, returned):
        with pytest.raises((AssertionError, FlakyFailure)):
            perform(opened(returned), *on_tape)

    @pytest.mark.parametrize("n", [1, 2, 3, 4])
    def test_one_whose_nth_answer_is_wrong_fails(self, opened, on_tape, n):
        with pytest.raises((AssertionError, FlakyFailure)):
            perform(opened(f"-1 if len(calls) == {n} else x"), *on_tape)

    def test_a_worker_that_has_answered_all_is_asked_again(self, opened):
        tape, session = Tape(), opened("-1")
        perform(opened("x"), plain, tape, recorded=True)
        session.names()
        first = session._process
        with pytest.raises(AssertionError, match="wrong for 3"):
            perform(session, plain, tape)
        assert not first.exit_text()
        assert session.module.asked() == 5

    def test_one_that_makes_the_check_ask_something_else_is_asked_anew(self, opened):
        """What was sent ahead has left no trace: the worker that did it is gone."""

        def looks_twice(hw):
            if hw.norm(1) != 1:
                assert hw.asked() == 1
            hw.norm(2)

        tape = Tape()
        perform(opened("x"), looks_twice, tape, recorded=True)
        session = opened("-x")
        session.names()
        first = session._process
        assert perform(session, looks_twice, tape) is False
        assert session._process is not first
        assert session.module.asked() == 2


class TestReferencesThatAskSomethingElseTheSecondTime:
    def passes_on(self, hw):
        hw.same(hw.asked())
        assert hw.norm(1) == 1

    @given(x=st.integers(0, 1000))
    def passes_on_what_is_drawn(self, hw, x):
        hw.same(hw.asked())
        assert hw.norm(x) == x

    @pytest.mark.parametrize("name", ["passes_on", "passes_on_what_is_drawn"])
    def test_have_examples_and_no_plan(self, opened, name):
        """Here it is what they remember, and the check passes all the same."""
        function, tape, session = getattr(self, name), Tape(), opened("x")
        perform(session, function, tape, recorded=True)
        made = tape.checks["x"]
        assert len(made.examples) == (EXAMPLES if is_drawn(function) else 1)
        assert (made.plan, made.reason) == (None, replay.OTHERWISE)
        assert perform(session, function, tape) is True
        with pytest.raises(AssertionError):
            perform(opened("-1"), function, tape)


def test_the_number_of_examples_is_that_of_the_check():
    function, seen = check()
    function = settings(max_examples=3)(function)
    made = taped(function, abs)
    seen.clear()
    assert played(made, function, abs)
    assert len(seen) == 3
