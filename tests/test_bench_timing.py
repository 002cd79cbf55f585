import time

import pytest

from tests.bench import timing


@pytest.fixture
def clock(monkeypatch):
    """A clock that only its `wait` moves."""
    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])

    def wait(seconds):
        now[0] += seconds

    return wait


def test_seconds_are_the_mean_of_one_call(clock):
    waits = iter([1.0, 2.0, 6.0])
    assert timing.seconds(lambda: clock(next(waits)), 3) == 3.0


def test_a_call_is_made_just_as_often_as_asked(clock):
    calls = []
    assert timing.seconds(lambda: calls.append(1)) == 0.0
    timing.seconds(lambda: calls.append(1), 7)
    assert len(calls) == 8


def test_runs_alternate(clock):
    order = []
    with pytest.raises(ZeroDivisionError):  # nothing took any time
        timing.ratio(lambda: order.append("a"), lambda: order.append("b"), 3)
    order.clear()
    timing.ratio(lambda: (order.append("a"), clock(1)), lambda: (order.append("b"), clock(1)), 3)
    assert "".join(order) == "ababab"


def test_one_slow_moment_of_the_machine_does_not_change_the_ratio(clock):
    """Both sides are ten times slower in the second round, one side once in the third."""
    one, other = iter([2.0, 20.0, 200.0, 2.0, 2.0]), iter([1.0, 10.0, 1.0, 1.0, 1.0])
    assert timing.ratio(lambda: clock(next(one)), lambda: clock(next(other)), 5) == (2.0, 1.0, 2.0)


def test_the_ratio_is_the_median_of_pairs_not_the_ratio_of_medians(clock):
    one, other = iter([1.0, 6.0, 3.0]), iter([1.0, 2.0, 4.0])
    assert timing.ratio(lambda: clock(next(one)), lambda: clock(next(other)), 3) == (3.0, 2.0, 1.0)


def test_a_line_has_as_many_digits_as_its_unit_bears(capsys):
    timing.line("a call", 12345.6, "µs", "(quick)")
    timing.line("a class", 1.234, "s")
    first, second = capsys.readouterr().out.splitlines()
    assert first.split() == ["a", "call", "12,346", "µs", "(quick)"]
    assert second.split() == ["a", "class", "1.23", "s"]
    assert first.index("µs") == second.index("s", 10)
