import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from grader.derandomised import EXAMPLES, derandomised


def drawn():
    """What a test draws that is defined anew, as a student's is at each call."""
    seen = []

    @given(x=st.floats(), n=st.integers(), a=arrays(np.float64, (2,), elements=st.floats(-1, 1)))
    def test(x, n, a):
        seen.append((repr(x), n, a.tobytes()))

    test()
    return seen


def test_the_same_test_draws_the_same_few_examples_every_time():
    with derandomised():
        first = drawn()
    drawn()
    with derandomised():
        assert drawn() == first
    assert 1 < len(first) <= EXAMPLES


def test_constants_of_loaded_modules_play_no_part(tmp_path, monkeypatch):
    with derandomised():
        first = drawn()
    (tmp_path / "full_of_constants.py").write_text("x = [" + ", ".join(f"{n}.5" for n in range(200, 400)) + "]\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    __import__("full_of_constants")
    drawn()
    with derandomised():
        assert drawn() == first


def test_afterwards_everything_is_as_before():
    before = settings.default
    with derandomised():
        assert settings.default.derandomize
        assert settings.default.database is None
        assert settings(max_examples=7).derandomize  # a test that only asks for fewer examples
    assert settings.default == before


def test_a_failure_is_not_made_smaller():
    seen = []
    with derandomised():

        @given(n=st.integers(0, 10**6))
        def test(n):
            seen.append(n)
            assert n < 1000

        with pytest.raises(AssertionError):
            test()
    assert seen[-1] > 1000  # which is the smallest that fails
