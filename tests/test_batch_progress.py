import io

import pytest
from rich.console import Console

from grader.batch.progress import LOG_SECONDS, NAMED, Watch
from grader.batch.unit import Graded
from grader.model import Check, CheckResult, Report, Status


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def graded(student="ada", status=Status.PASSED, message="", seconds=1.0):
    result = CheckResult(check=Check(name="test_n", task="norm"), status=status, message=message)
    return Graded(report=Report(student=student, assignment="hw1", tasks=(), results=(result,)), seconds=seconds)


@pytest.fixture
def log():
    return Console(file=io.StringIO(), width=200, force_terminal=False)


def test_in_a_log_there_is_a_line_now_and_then(log):
    clock = Clock()
    with Watch(log, 100, clock) as watch:
        for number in range(100):
            clock.now += LOG_SECONDS / 40
            watch.add(f"s{number}", graded())
    lines = log.file.getvalue().splitlines()
    assert lines == ["40 of 100: 1.3 a second, 0:00:45 left", "80 of 100: 1.3 a second, 0:00:15 left"]


def test_in_a_terminal_there_is_a_bar_with_rate_and_remaining_time():
    terminal = Console(file=io.StringIO(), width=100, force_terminal=True)
    clock = Clock()
    with Watch(terminal, 10, clock) as watch:
        clock.now += 4
        watch.add("ada", graded())
        watch.say("[red]tcp://x does not take part\x1b[31m")
    shown = terminal.file.getvalue()
    assert "1/10" in shown
    assert "4.0 s each, 0:00:36 left" in shown
    assert "[red]tcp://x does not take part\N{REPLACEMENT CHARACTER}[31m" in shown


def test_results_that_were_there_already_do_not_count_for_the_rate(log):
    clock = Clock()
    watch = Watch(log, 100, clock)
    for _ in range(50):
        watch.keep()
    assert watch.pace() == ""
    clock.now += 2
    watch.add("ada", graded())
    assert watch.pace() == "2.0 s each, 0:01:38 left"


def test_the_summary_says_what_was_graded_what_failed_what_was_slow_and_who_ran_out_of_time(log):
    clock = Clock()
    watch = Watch(log, 7, clock)
    watch.keep()
    clock.now += 10
    for number, student in enumerate(["ada", "bob", "cem", "dan"]):
        watch.add(student, graded(student, seconds=number + 1.0))
    watch.add("ev\x1be", graded(status=Status.ERROR, message="the \x07fork server is gone"))
    watch.add("fay", graded(status=Status.TIMEOUT))
    assert list(watch.summary()) == [
        "Graded 5 of 7 submissions in 10 s (1.7 s each); 1 results were there already and are still right.",
        "Could not be graded, through no fault of theirs: ev\N{REPLACEMENT CHARACTER}e (the \N{REPLACEMENT CHARACTER}fork "
        "server is gone)",
        "Slowest: dan 4.0 s, cem 3.0 s, bob 2.0 s",
        "Ran out of time: fay (norm)",
    ]


def test_of_many_who_failed_the_first_are_named(log):
    watch = Watch(log, 20)
    for number in range(NAMED + 5):
        watch.add(f"s{number}", graded(status=Status.ERROR))
    said = [line for line in watch.summary() if line.startswith("Could not")]
    assert f"s{NAMED - 1} (no reason is known), and 5 more" in said[0]


def test_nothing_to_do_has_a_summary(log):
    assert list(Watch(log, 0, Clock()).summary()) == ["Graded 0 of 0 submissions in 0 s."]
