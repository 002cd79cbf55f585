"""An example that is decided without its check is one that the check passes; whatever is in doubt, the check decides."""

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.explain import Mismatch, assert_close, assert_scalar, number, unchanged, unpack
from grader.explain.unknown import Witness
from grader.hypothesis_run import configured
from grader.model import Cell, Limits
from grader.remote import Session
from grader.replay import play, record
from grader.run import guard
from grader.tape import Tape
from grader.verdict import Steps, Verdict, verdict

SOURCE = """
import numpy as np
def double(x): return 2 * x
def forward(x): return 2 * x, {"x": x.copy(), "n": len(x), "loss": float(x.sum())}
def backward(d, cache): return d * cache["x"]
def scale(x): x *= 2
def draw(rng): return rng.normal(size=3)
def apply(f, x): return f(x) + f(x + 1)
def later(f, x): return x
def make(x): return Thing(x)
def poke(cache, f):
    cache["x"][:] = 5
    f()
def fail(x): raise ValueError("no")
def strange(x): return {1, 2}
class Thing:
    def __init__(self, value): self.value = value
    def double(self): return 2 * self.value
"""
X = np.arange(1.0, 4.0)
arrays = st.lists(st.integers(1, 9), min_size=1, max_size=3).map(lambda values: np.array(values, float))


def session(source=SOURCE, **limits):
    return Session("work", (Cell(filename="work.py", source=source),), Limits(**limits))


class Course:
    """A check with its tape, and how often its code was run with an answer to look at."""

    def __init__(self, check):
        self.runs, self.tape = 0, Tape()

        def test(*args, **kwargs):
            self.runs += 1
            return check(*args, **kwargs)

        self.check = functools.wraps(check)(test) if not hasattr(check, "hypothesis") else check
        if self.check is check:
            inner = check.hypothesis.inner_test
            check.hypothesis.inner_test = functools.wraps(inner)(
                lambda *args, **kwargs: (setattr(self, "runs", self.runs + 1), inner(*args, **kwargs))[1]
            )
        self.with_session(SOURCE, record)

    def with_session(self, source, action):
        subject = session(source)
        self.runs = 0
        try:
            with (
                configured(self.check, "TestNorm::test_x", "a secret", functools.partial(guard, {})),
                subject.stand_in({}),
            ):
                subject.begin()
                return action(self.tape, "x", self.check, {"hw": subject.module}, subject)
        finally:
            subject.close()

    @property
    def verdicts(self):
        return self.tape.checks["x"].verdicts

    def grade(self, source):
        """What comes of a submission, "" if it passes, and how often the check was run for it."""
        try:
            if not self.with_session(source, play):
                self.with_session(source, lambda tape, name, function, given, subject: function(**given))
        except Exception as error:
            return str(error).split("\n")[0], self.runs
        return "", self.runs


def changed(old, new):
    assert old in SOURCE
    return SOURCE.replace(old, new)


def doubles(hw):
    assert_close(hw.double(X), X + X, what="double(x)")


@settings(max_examples=6)
@given(x=arrays)
def doubles_what_is_drawn(hw, x):
    with unchanged("double(x)", x=x):
        out = hw.double(x)
    assert_close(out, x + x, what="double(x)")


def goes_back(hw):
    out, cache = unpack(hw.forward(X), ("out", "cache"), what="forward(x)")
    assert_close(out, 2 * X, what="out")
    assert_scalar(cache["loss"], 6.0, what="loss")
    assert_close(hw.backward(X, cache), X * X, what="backward(d, cache)")
    assert_close(hw.backward(cache["x"], cache), X * X, what="backward(x, cache)")


def draws(hw):
    rng = np.random.default_rng(3)
    expected = np.random.default_rng(3).normal(size=6)
    assert_close(hw.draw(rng), expected[:3], what="draw(rng)")
    assert_close(rng.normal(size=3), expected[3:], what="what rng gives next")


def applies(hw):
    assert_close(hw.apply(np.square, X), X**2 + (X + 1) ** 2, what="apply(f, x)")


def makes(hw):
    thing = hw.make(X)
    assert_close(thing.double(), 2 * X, what="Thing(x).double()")
    assert thing is not hw.make(X)


def counts(hw):
    _, cache = hw.forward(X)
    assert cache["n"] == 3


DECIDED = [doubles, goes_back, draws, applies, makes, counts]


@pytest.mark.parametrize("check", DECIDED, ids=lambda check: check.__name__)
def test_a_submission_that_is_right_in_its_own_way_passes_and_the_check_is_not_run(check):
    course = Course(check)
    assert None not in course.verdicts
    assert len(course.verdicts) == 1
    course.tape.passed.clear()
    assert course.grade(SOURCE) == ("", 0)
    other = changed("return 2 * x\n", "return x * (2 + 1e-15)\n").replace("d * cache", "(1 + 1e-14) * d * cache")
    assert course.grade(other) == ("", 0)


WRONG = {
    "a value": (doubles, "return 2 * x\n", "return 3 * x\n", "wrong values"),
    "a dtype": (doubles, "return 2 * x\n", "return (2 * x).astype('f')\n", "wrong dtype"),
    "a shape": (doubles, "return 2 * x\n", "return (2 * x)[None]\n", "wrong shape"),
    "a type": (doubles, "return 2 * x\n", "return list(2 * x)\n", "expected a NumPy array"),
    "nan": (doubles, "return 2 * x\n", "return x * np.nan\n", "nan"),
    "nothing": (doubles, "return 2 * x\n", "pass\n", "None"),
    "an object": (doubles, "return 2 * x\n", "return Thing(x)\n", "a Thing"),
    "an exception": (doubles, "return 2 * x\n", "raise ValueError('mine')\n", "mine"),
    "a list for a tuple, of a part": (goes_back, "return 2 * x, {", "return 2 * x, x, {", "expected 2 values"),
    "a key": (goes_back, '"loss"', '"cost"', "loss"),
    "what is passed on": (goes_back, '"x": x.copy()', '"x": x + 1', "backward"),
    "the last of several": (goes_back, "d * cache", "d + cache", "backward"),
    "a number": (goes_back, "float(x.sum())", "float(x.sum()) + 1", "loss"),
    "another type of number": (goes_back, "float(x.sum())", "'6.0'", "loss"),
    "draws that nobody needs": (draws, "return rng.normal(size=3)", "return rng.normal(size=4)[:3]", "rng gives next"),
    "a function that is called once": (applies, "f(x) + f(x + 1)", "f(x)", "apply"),
    "a method": (makes, "return 2 * self.value", "return self.value", "double"),
    "a count": (counts, "len(x)", "len(x) + 1", ""),
}


@pytest.mark.parametrize(("check", "old", "new", "says"), WRONG.values(), ids=WRONG)
def test_a_submission_that_is_wrong_hears_of_it_from_the_check_itself(check, old, new, says):
    course = Course(check)
    said, runs = course.grade(changed(old, new))
    assert runs > 0
    course.tape.checks["x"] = type(course.tape.checks["x"])()  # without a tape
    assert course.grade(changed(old, new))[0] == said
    assert says in said


def test_of_the_examples_of_a_check_only_those_are_run_that_are_in_doubt():
    course = Course(doubles_what_is_drawn)
    examples = [one.values()["x"] for one in course.tape.checks["x"].examples]
    assert None not in course.verdicts
    rare = sum(len(x) == 1 for x in examples)
    assert 0 < rare < len(examples)
    assert course.grade(changed("return 2 * x\n", "return 2 * x if len(x) > 1 else np.asfortranarray(x + x)\n"))[1] == 0
    source = changed("return 2 * x\n", "return (2 * x if len(x) > 1 else np.broadcast_to(2 * x, x.shape))\n")
    assert course.grade(source) == ("", rare)  # an array that cannot be written to is of another kind


def test_what_a_submission_does_to_its_arguments_is_left_to_the_check():
    course = Course(doubles_what_is_drawn)
    said, runs = course.grade(changed("return 2 * x\n", "x *= 2; return x\n"))
    assert runs > 0
    assert "changed x in place" in said


def looks(hw):
    if hw.double(X).sum() != 12:
        raise Mismatch("no")


def expects_by_the_answer(hw):
    out = hw.double(X)
    assert_close(hw.double(out), out + out, what="double(double(x))")


def turns_it_into_a_number(hw):
    _, cache = hw.forward(X)
    assert_scalar(number(cache["loss"]), 6.0, what="loss")


def asks_its_type(hw):
    out = hw.double(X)
    if type(out) is np.ndarray:
        assert_close(out, X + X, what="double(x)")


def asks_its_type_in_one_line(hw):
    out = hw.double(X)
    assert_close(out, X + X if type(out) is np.ndarray else X, what="double(x)")


def swallows(hw):
    out = hw.double(X)
    try:
        assert out.sum() == 12
    except AssertionError:
        raise
    except BaseException:
        pass


def watches_what_is_called(hw):
    seen = []
    hw.apply(lambda x: seen.append(x) or x, X)
    assert_scalar(len(seen), 2, what="calls")


def calls_with_an_answer(hw):
    out = hw.double(X)
    assert_close(hw.apply(lambda x: x + out, X), 2 * X + 1 + 4 * X, what="apply(f, x)")


def returns_an_answer(hw):
    out = hw.double(X)
    assert_close(hw.apply(lambda x: out, X), 4 * X, what="apply(f, x)")


def passes_a_number_on(hw):
    _, cache = hw.forward(X)
    assert_scalar(hw.double(cache["loss"]), 12.0, what="double(loss)")


def passes_an_entry_on(hw):
    assert_close(hw.double(hw.double(X)[1:]), 4 * X[1:], what="double(double(x)[1:])")


def passes_a_list_of_answers_on(hw):
    assert hw.later(None, [hw.double(X)])


def gets_its_array_changed(hw):
    x = X.copy()
    hw.scale(x)
    assert_close(x, 2 * X, what="x")


def passes_on_what_was_changed_and_told_before(hw):
    _, cache = hw.forward(X)
    hw.poke(cache, lambda: None)
    assert_close(hw.double(cache["x"]), np.full(3, 10.0), what="double(x)")


def gets_a_set(hw):
    assert hw.strange(X) == {1, 2}


def hears_an_exception(hw):
    try:
        hw.fail(X)
    except ValueError:
        return
    raise Mismatch("it should raise")


OPEN = [
    looks, expects_by_the_answer, turns_it_into_a_number, asks_its_type, asks_its_type_in_one_line, swallows,
    calls_with_an_answer, returns_an_answer, passes_a_number_on, passes_an_entry_on, passes_a_list_of_answers_on,
    gets_its_array_changed, passes_on_what_was_changed_and_told_before, gets_a_set,
]  # fmt: skip


@pytest.mark.parametrize("check", OPEN, ids=lambda check: check.__name__)
def test_a_check_that_does_anything_else_with_an_answer_is_run(check):
    course = Course(check)
    assert course.verdicts == ()
    course.tape.passed.clear()
    assert course.grade(SOURCE) == ("", 1)


def test_a_check_that_hears_an_exception_is_run():
    course = Course(hears_an_exception)
    assert course.grade(SOURCE) == ("", 1)
    for body in ("return x", "return None", "pass"):
        assert course.grade(changed('raise ValueError("no")', body)) == ("it should raise", 2)


def test_what_a_function_of_the_check_has_seen_is_what_it_sees_of_everybody_who_is_not_looked_at():
    course = Course(watches_what_is_called)
    assert None not in course.verdicts
    course.tape.passed.clear()
    assert course.grade(SOURCE) == ("", 0)
    said, runs = course.grade(changed("f(x) + f(x + 1)", "f(x)"))
    assert "calls" in said
    assert runs > 0
    said, runs = course.grade(changed("f(x) + f(x + 1)", "f(x) + f(x + 2)"))
    assert (said, runs) == ("", 1)  # other calls: the check looks, and has nothing against it


@settings(max_examples=6)
@given(x=arrays)
def passes_functions(hw, x):
    assert_close(hw.apply(lambda y: y + x, x), 4 * x + 1, what="apply(f, x)")


def test_functions_are_numbered_through_all_examples_so_that_all_of_them_are_run_or_none():
    course = Course(passes_functions)
    assert None not in course.verdicts
    count = len(course.verdicts)
    course.tape.passed.clear()
    assert course.grade(SOURCE) == ("", 0)
    one = "(f(x) + f(x + 1)) if len(x) > 1 else np.broadcast_to(f(x) + f(x + 1), x.shape)"
    assert course.grade(changed("f(x) + f(x + 1)", one)) == ("", count)


def test_a_hostile_submission_leaves_nothing_behind_that_helps_another():
    course = Course(doubles_what_is_drawn)
    before = [(one.kinds, one.judgements) for one in course.verdicts]
    for body in ("x[:] = 0; return x", "x *= 0; return 2 * x", "return np.full_like(x, np.nan)", "return 7 * x"):
        assert course.grade(changed("return 2 * x\n", body + "\n"))[0]
    assert [(one.kinds, one.judgements) for one in course.verdicts] == before
    assert course.grade(SOURCE) == ("", 0)
    assert course.grade(changed("return 2 * x\n", "return 7 * x\n"))[0]


def goes_by_names(hw):
    if hasattr(hw, "double"):
        assert_close(hw.forward(X)[0], 2 * X, what="out")
    elif not hasattr(hw, "halve"):
        raise Mismatch("neither double nor halve")


def test_a_check_that_goes_by_the_names_there_are_is_run_where_they_are_others():
    course = Course(goes_by_names)
    course.tape.passed.clear()
    assert course.grade(SOURCE) == ("", 0)
    said, runs = course.grade(changed("def double(x): return 2 * x", "double = 2"))
    assert (said, runs) == ("", 1)
    assert course.grade(changed("def double(x): return 2 * x", "")) == ("neither double nor halve", 2)


class TestVerdict:
    """What a check did before and after has to be the same."""

    def steps(self, **others):
        return Steps(Witness(**others), path=1, ended=True)

    def test_is_there_when_it_is(self):
        assert verdict(self.steps(), self.steps(), [("", ("float",))]) == Verdict(
            kinds=(("", ("float",)),), judgements=()
        )

    @pytest.mark.parametrize("which", [0, 1])
    @pytest.mark.parametrize("what", [{"ended": False}, {"path": 2}, {"witness": Witness(escaped=True)}])
    def test_is_not_there_when_it_is_not(self, which, what):
        both = [self.steps(), self.steps()]
        for name, value in what.items():
            setattr(both[which], name, value)
        assert verdict(*both, []) is None

    def test_is_not_there_for_an_answer_without_a_kind(self):
        assert verdict(self.steps(), self.steps(), [None]) is None
