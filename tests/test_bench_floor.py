import time
from types import SimpleNamespace

import pytest

import grader.run
from grader.model import Cell
from tests.bench.floor import Clock, Timed, watched

SOURCE = """
import time
def inner(): time.sleep(1)
def outer(): inner(); inner()
def broken(): inner(); raise ValueError
class Adder:
    def __init__(self): inner()
    def add(self): inner()
"""


@pytest.fixture
def clock(monkeypatch):
    """A clock that only `time.sleep` moves."""
    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))


def test_only_the_outermost_calls_count(clock):
    watch = Clock()
    inner = watch.timed(lambda: time.sleep(1))
    watch.timed(lambda: (inner(), inner()))()
    assert (watch.seconds, watch.calls) == (2.0, 1)


def test_a_call_that_raises_counts_and_the_next_one_too(clock):
    with watched() as watch:
        hw = grader.run.run_cells("toy", (Cell(filename="toy.py", source=SOURCE),)).module
    with pytest.raises(ValueError):
        hw.broken()
    hw.outer()
    assert (watch.seconds, watch.calls) == (3.0, 2)


def test_methods_count_and_classes_stay_classes(clock):
    with watched() as watch:
        hw = grader.run.run_cells("toy", (Cell(filename="toy.py", source=SOURCE),)).module
    adder = hw.Adder()
    adder.add()
    assert isinstance(adder, hw.Adder)
    assert (watch.seconds, watch.calls) == (2.0, 2)


def test_time_between_calls_does_not_count(clock):
    with watched() as watch:
        hw = grader.run.run_cells("toy", (Cell(filename="toy.py", source=SOURCE),)).module
    hw.inner()
    time.sleep(100)
    assert watch.seconds == 1.0


def test_submissions_are_run_as_before_afterwards():
    before = grader.run.run_cells
    with watched():
        assert grader.run.run_cells is not before
    assert grader.run.run_cells is before


def test_what_is_no_function_is_handed_out_as_it_is():
    assert Timed(SimpleNamespace(limit=3), Clock()).limit == 3
