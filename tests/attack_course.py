"""The course that is attacked: one module of four small tasks, with checks of every kind."""

from __future__ import annotations

POINTS = {"double": 50.0, "fill": 15.0, "total": 15.0, "Counter": 15.0}

REFERENCE = '''\
# %% [markdown]
# # Work

# %%
"""Four small things."""

import numpy as np


# %%
def double(x):
    """Twice x, as a new array."""
    ### BEGIN SOLUTION
    return 2 * x
    ### END SOLUTION


# %%
def fill(x, value):
    """Put the value in all places of x."""
    ### BEGIN SOLUTION
    x[:] = value
    ### END SOLUTION


# %%
def total(x):
    """The sum of double(x)."""
    ### BEGIN SOLUTION
    return np.sum(double(x))
    ### END SOLUTION


# %%
class Counter:
    """Counts."""

    def __init__(self):
        ### BEGIN SOLUTION
        self.count = 0
        ### END SOLUTION

    def add(self, n):
        ### BEGIN SOLUTION
        self.count += n
        return self.count
        ### END SOLUTION
'''

PUBLIC = """\
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.explain import assert_close


def assert_doubled(hw, x):
    \"\"\"Twice, so that what is left behind by one answer meets the next question.\"\"\"
    for _ in range(2):
        before = x.copy()
        y = hw.double(x)
        assert np.array_equal(x, before), "double changes its argument"
        assert type(y) is np.ndarray, f"expected an array, found {type(y).__name__}"
        assert y.dtype == x.dtype, f"expected {x.dtype}, found {y.dtype}"
        assert y.shape == x.shape, f"expected the shape {x.shape}, found {y.shape}"
        np.testing.assert_array_equal(y, 2 * x)
        assert_close(y, 2 * x, what="double(x)")


@pytest.mark.task("double", points=50)
class TestDouble:
    @settings(max_examples=4)
    @given(xs=st.lists(st.floats(-9, 9), min_size=1, max_size=4))
    def test_of_drawn_numbers(self, hw, xs):
        assert_doubled(hw, np.array(xs))

    def test_of_a_range(self, hw):
        assert_doubled(hw, np.arange(1.0, 7.0).reshape(2, 3))


@pytest.mark.task("fill", points=15)
class TestFill:
    def test_fills_in_place(self, hw):
        x = np.arange(3.0)
        hw.fill(x, 7.0)
        assert x.tolist() == [7.0, 7.0, 7.0]


@pytest.mark.task("total", points=15)
@pytest.mark.stand_in(double=lambda x: 2 * x)
class TestTotal:
    def test_sums_what_is_doubled(self, hw):
        assert float(hw.total(np.arange(4.0))) == 12.0


@pytest.mark.task("Counter", points=15)
class TestCounter:
    def test_counts(self, hw):
        counter = hw.Counter()
        assert [counter.add(2), counter.add(3)] == [2, 5]
"""

HIDDEN = """\
import numpy as np
import pytest

from grader.explain import assert_close

TOKEN = "{token}"  # what nobody may learn
INPUT = "{hidden_input}"  # what only the code that is graded may learn


@pytest.mark.task("double")
class TestDoubleHidden:
    def test_of_a_secret(self, hw):
        x = np.array([float(ord(letter)) for letter in INPUT])
        expected_value = {{TOKEN: 2 * x}}
        for _ in range(2):
            y = hw.double(x)
            assert type(y) is np.ndarray
            assert_close(y, expected_value[TOKEN], what="double(x)")


@pytest.mark.task("fill")
def test_fills_with_a_secret(hw):
    x = np.zeros(2)
    hw.fill(x, float(len(TOKEN)))
    assert x.tolist() == [len(TOKEN)] * 2


@pytest.mark.task("total")
@pytest.mark.stand_in(double=lambda x: 3 * x)
def test_uses_what_stands_in(hw):
    assert float(hw.total(np.arange(4.0))) == 18.0


@pytest.mark.task("Counter")
def test_two_counters_are_two(hw):
    one, other = hw.Counter(), hw.Counter()
    assert [one.add(2), other.add(3)] == [2, 3]
"""

EXPERIMENTS = """\
# %% points=5 task="why"
### BEGIN SOLUTION
print("because")
### END SOLUTION
"""

MUTANTS = """\
[[mutant]]
name = "single"
task = "double"
killed_by = "TestDouble::test_of_a_range"
hint = "This is x itself."
[[mutant.replace]]
find = "return 2 * x"
with = "return x"
"""

SETTINGS = """\
title = "Work"
modules = ["work"]
seed = "a secret"

[limits]
call_seconds = 1
load_seconds = 10
check_seconds = 30
cpu_seconds = 5
memory_mb = 256
scratch_mb = 8
answer_mb = 16
"""


def files(token: str, hidden_input: str) -> dict[str, str]:
    """The course folder."""
    return {
        "assignments/hw1/README.md": "# Homework 1\n",
        "assignments/hw1/test_work.py": PUBLIC,
        "solutions/hw1/assignment.toml": SETTINGS,
        "solutions/hw1/experiments.py": EXPERIMENTS,
        "solutions/hw1/mutants.toml": MUTANTS,
        "solutions/hw1/work.py": REFERENCE,
        "solutions/hw1/test_work_hidden.py": HIDDEN.format(token=token, hidden_input=hidden_input),
    }
