"""A student's folder: one check file, one module, nothing else. And what the table at the end of a run says."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest

import grader.checkrun
import grader.explain
import grader.notebook  # noqa: F401 pytester forgets what a run has imported, and NumPy cannot be imported twice

CHECKS = '''\
import pytest
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.task("double", points=6)
class TestDouble:
    @pytest.mark.weight(2)
    @given(x=st.integers(-9, 9))
    def test_adds_x_to_itself(self, hw, x):
        """double(x) is x + x"""
        assert hw.double(x) == x + x, f"double({x}) is wrong"

    def test_of_zero(self, hw):
        assert hw.double(0) == 0, "double(0) is not 0"


@pytest.mark.task("tally", points=4, covers=("tally", "Counter"))
def test_tally(hw):
    assert hw.tally([1, 2]) == 3, "tally([1, 2]) is wrong"
'''

REFERENCE = """\
def double(x):
    return 2 * x


def tally(xs):
    return sum(xs)


class Counter:
    pass
"""

STUB = """\
def double(x):
    # YOUR CODE HERE
    raise NotImplementedError()


def tally(xs):
    # YOUR CODE HERE
    raise NotImplementedError()
"""

ROW = re.compile(r"(\w+) +([\d.]+|\?) / ([\d.]+) *(?:(\d+ of \d+))? *(.*)")


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    score: str
    out_of: str
    checks: str
    todo: str


def fill(pytester: pytest.Pytester, module: str, checks: str = CHECKS) -> None:
    """Put test_work.py and work.py into the folder."""
    pytester.path.joinpath("work.py").write_text(module, encoding="utf-8")
    pytester.path.joinpath("test_work.py").write_text(checks, encoding="utf-8")


def table(result: pytest.RunResult) -> dict[str, Row]:
    """The rows of a run's table, by task; empty if there is none."""
    starts = [number for number, line in enumerate(result.outlines) if re.fullmatch("=+ your work =+", line)]
    if not starts:
        return {}
    rows = [ROW.fullmatch(line.rstrip()) for line in result.outlines[starts[0] + 1 :]]
    return {row[1]: Row(row[2], row[3], row[4] or "", row[5]) for row in rows if row}
