"""Tests of students' tests, with a doubling function that they are to judge."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.explain import Mismatch
from grader.local import run_cells
from grader.model import Cell, Limits
from grader.properties import Misuse, assert_tells
from grader.remote import Session
from grader.sandbox.foretold import may_be_foretold


def checked(x):
    if type(x) is not int:
        raise Misuse(f"a test calls double with {x!r}; it takes an integer")
    return x


RIGHT = {"adds": lambda x: checked(x) + x, "multiplies": lambda x: 2 * checked(x)}
WRONG = {"squares": lambda x: checked(x) ** 2, "forgets the sign": lambda x: 2 * abs(checked(x))}
HEAD = "from hypothesis import given, settings, strategies as st\n\ndef properties(double):\n"
GOOD = "    @given(st.integers(-9, 9))\n    def test(x):\n        assert double(x) == x + x\n    test()\n"


@pytest.fixture(params=["isolated", "in_process"])
def judged(request):
    """Judges a body of `properties`, in a worker or in this process."""
    opened = []

    def judge(body):
        cells = (Cell(filename="work.py", source=HEAD + body),)
        work = Session("work", cells, Limits()) if request.param == "isolated" else run_cells("work", cells)
        opened.append(work)
        work.begin()
        with work.stand_in({}):
            assert_tells(work.module.properties, right=RIGHT, wrong=WRONG, what="properties")

    yield judge
    for work in opened:
        work.close()


def test_a_test_that_tells_right_from_wrong_passes(judged):
    judged(GOOD)


def test_settings_of_its_own_do_no_harm(judged):
    judged(GOOD.replace("    def test", "    @settings(max_examples=60)\n    def test"))


def test_what_survives_is_named(judged):
    with pytest.raises(Mismatch, match="1 of 2 wrong implementations pass:\n  - one that forgets the sign"):
        judged(GOOD.replace("-9", "0"))


def test_a_function_that_accepts_everything(judged):
    with pytest.raises(Mismatch, match="2 of 2"):
        judged("    return None\n")


def test_a_right_one_must_not_be_rejected(judged):
    with pytest.raises(Mismatch, match=r"(?s)rejects a right implementation, one that adds.*raise AssertionError"):
        judged("    raise AssertionError\n")


def test_it_cannot_learn_the_verdicts_by_counting():
    calls = []

    def properties(double):
        calls.append(double)
        assert len(calls) < 2

    with pytest.raises(Mismatch):
        assert_tells(properties, right=RIGHT, wrong=WRONG, what="properties")


def test_nobody_can_see_how_often_the_reference_calls_what_it_finds_wrong():
    seen = []

    def properties(double):
        seen.append(double)
        assert [double(n) for n in (1, -2)] == [2, -4]

    assert_tells(properties, right=RIGHT, wrong=WRONG, what="properties")
    assert len(seen) == len(RIGHT) + len(WRONG)
    assert not any(may_be_foretold(double) for double in seen)


def test_another_exception_is_no_verdict(judged):
    with pytest.raises(
        Mismatch, match=r"(?s)no.? get to a verdict on one that adds.*IndexError: list index out of range"
    ):
        judged("    [][0]\n")


def test_misuse_is_told_as_it_is(judged):
    with pytest.raises(Misuse, match="calls double with 'a'"):
        judged(GOOD.replace("double(x) == x + x", "double('a')"))


def test_an_unfinished_one_is_not_started(judged):
    with pytest.raises(NotImplementedError):
        judged("    raise NotImplementedError\n")


def test_a_verdict_that_wavers_is_a_failure_of_what_is_tested():
    turns = []

    def wavering(x):
        turns.append(x)
        return 2 * x + (len(turns) == 3)

    def properties(double):
        @given(st.integers())
        def test(x):
            assert double(x) == 2 * x

        test()

    assert_tells(properties, right={"adds": lambda x: x + x}, wrong={"wavers": wavering}, what="properties")
