import pytest
from hypothesis import core, given, seed, settings
from hypothesis import strategies as st

from grader.errors import SubmissionTimeout
from grader.hypothesis_run import EXAMPLES, configured


def check(**decorations):
    """A fresh test function, and the list of what it draws."""
    drawn = []

    def test(x):
        drawn.append(x)

    test = given(st.integers())(test)
    for decorate in decorations.values():
        test = decorate(test)
    return test, drawn


def drawn_by(function, drawn, name="TestNorm::test_x", secret="a secret"):
    drawn.clear()
    with configured(function, name, secret, lambda test: test):
        function()
    return list(drawn)


def test_the_same_seed_and_name_give_the_same_examples():
    one, other = check(), check()
    assert drawn_by(*one) == drawn_by(*other) == drawn_by(*one)


def test_another_seed_or_another_name_gives_others():
    test = check()
    assert drawn_by(*test) != drawn_by(*test, secret="another")
    assert drawn_by(*test) != drawn_by(*test, name="TestNorm::test_y")


def test_a_check_that_does_not_say_how_many_draws_few():
    assert len(drawn_by(*check())) == EXAMPLES
    assert len(drawn_by(*check(settings=settings(max_examples=7)))) == 7


def test_the_examples_do_not_depend_on_what_ran_before():
    first, second = check(), check()
    expected = drawn_by(*second, name="b")
    drawn_by(*first, name="a")
    assert drawn_by(*second, name="b") == expected


def test_a_seed_of_the_author_wins():
    one = drawn_by(*check(seed=seed(3)))
    assert one == drawn_by(*check(seed=seed(3)), secret="another") != drawn_by(*check())


def test_a_seed_from_the_command_line_wins(monkeypatch):
    ours = drawn_by(*check())
    monkeypatch.setattr(core, "global_force_seed", 3)
    theirs = drawn_by(*check())
    assert theirs != ours
    assert theirs == drawn_by(*check(), secret="another")


def test_afterwards_everything_is_as_before():
    test, _ = check()
    before = test._hypothesis_internal_use_settings, test._hypothesis_internal_use_seed, test.hypothesis.inner_test
    with pytest.raises(ZeroDivisionError), configured(test, "name", "seed", lambda inner: inner):
        raise ZeroDivisionError
    assert before == (
        test._hypothesis_internal_use_settings,
        test._hypothesis_internal_use_seed,
        test.hypothesis.inner_test,
    )


def test_no_file_is_left_behind(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    test = given(st.integers())(lambda x: None)
    with configured(test, "name", "seed", lambda inner: inner):
        test()
    assert list(tmp_path.iterdir()) == []


def test_a_plain_function_is_let_be():
    def test():
        return 3

    with configured(test, "name", "seed", lambda inner: inner):
        assert test() == 3


def test_a_bound_method_is_configured_too():
    drawn = []

    class TestNorm:
        @given(st.integers())
        def test_x(self, x):
            drawn.append(x)

    bound = TestNorm().test_x
    assert len(drawn_by(bound, drawn)) == EXAMPLES


def test_a_guard_that_raises_a_verdict_ends_the_check_after_one_example():
    test, drawn = check()

    def stop(inner):
        def guarded(*args, **kwargs):
            inner(*args, **kwargs)
            raise SubmissionTimeout("enough")

        return guarded

    with configured(test, "name", "seed", stop), pytest.raises(SubmissionTimeout):
        test()
    assert len(drawn) == 1
