import io

import pytest
from _pytest.config import create_terminal_writer, get_config
from _pytest.terminal import TerminalReporter

from grader.model import Check, CheckResult, Report, Status, Task
from grader.table import next_step, printable, write_tables

NORM = Task(name="norm", points=30.0, covers=("norm",))
BOTH = Task(name="standardize", points=5.0, covers=("fit", "apply"))


def result(status, message="", task="norm", name="test_x", hidden=False):
    return CheckResult(check=Check(name=name, task=task, hidden=hidden), status=status, message=message)


def report(*results, tasks=(NORM,), assignment="hw1/vectors", notes=()):
    return Report(student="", assignment=assignment, tasks=tasks, results=results, notes=notes)


def terminal(encoding="utf-8", width=80):
    config = get_config()
    config.parse([])
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    reporter = TerminalReporter(config, file)
    reporter._tw = create_terminal_writer(config, file)
    reporter._tw.fullwidth = width
    return reporter


def written(reports, *, encoding="utf-8", width=80, selected=False):
    reporter = terminal(encoding, width)
    write_tables(reporter, reports, selected=selected)
    reporter._tw.flush()
    return reporter._tw._file.buffer.getvalue().decode(encoding).splitlines()


def stub(function, task="norm"):
    message = f"not started: {function} still raises NotImplementedError (vectors.py, line 2)"
    return result(Status.NOT_STARTED, message, task)


@pytest.mark.parametrize(
    ("functions", "todo"),
    [
        (["norm.__init__"], "not started: write norm"),
        (["norm.forward"], "not started: norm.forward still raises NotImplementedError (vectors.py, line 2)"),
        (["norm.forward", "norm.__init__"], "not started: norm.forward still raises NotImplementedError (v"),
        (["another.__init__"], "not started: another.__init__ still raises NotImplementedError (vectors.p"),
    ],
)
def test_a_class_is_to_be_written_until_its_constructor_is(functions, todo):
    assert next_step(NORM, tuple(stub(function) for function in functions)).startswith(todo)


def test_the_columns_stand_below_each_other():
    lines = written(
        [
            report(
                result(Status.PASSED),
                stub("fit", "standardize"),
                tasks=(NORM, BOTH),
            )
        ]
    )
    assert lines[1:] == [
        "task              points  checks    next",
        "norm            30 / 30   1 of 1  ",
        "standardize      0 / 5    0 of 1    not started: write fit and apply",
        "total           30 / 35",
        "These are the public checks. When your work is graded, hidden checks share the same points.",
    ]


def test_points_have_four_digits_at_most_and_open_ones_a_question_mark():
    third = [result(Status.PASSED), result(Status.FAILED, "wrong"), result(Status.FAILED, "wrong")]
    lines = written([report(*third, result(Status.ERROR, "ours", "standardize"), tasks=(NORM, BOTH))])
    assert lines[2].split()[1:4] == ["10", "/", "30"]
    assert lines[3].split()[1:4] == ["?", "/", "5"]
    seventh = [result(Status.PASSED)] + [result(Status.FAILED, "wrong")] * 6
    assert written([report(*seventh)])[2].split()[1] == "4.286"


def test_several_modules_have_their_headings_and_their_totals():
    lines = written([report(result(Status.PASSED)), report(result(Status.PASSED), assignment="hw2/nets")])
    assert [line for line in lines if line.startswith(("hw", "total"))] == [
        "hw1/vectors",
        "total     30 / 30",
        "hw2/nets",
        "total     30 / 30",
    ]


def test_hidden_checks_are_announced_only_if_none_was_run():
    assert not any("public checks" in line for line in written([report(result(Status.PASSED, hidden=True))]))


def test_notes_and_a_selection_are_told():
    lines = written([report(result(Status.PASSED), notes=("mine.py was taken for vectors.py.",))], selected=True)
    assert "mine.py was taken for vectors.py." in lines
    assert "Points are of the checks that were run; others may be missing here." in lines


@pytest.mark.parametrize("width", [20, 60, 100])
def test_a_long_text_is_cut_at_the_width_of_the_terminal(width):
    line = written([report(result(Status.FAILED, "wrong " * 50))], width=width)[2]
    assert line.endswith("…")
    assert max(width, 60) - 5 < len(line) < max(width, 60)


def test_an_output_that_cannot_show_a_character_gets_a_plainer_one():
    lines = written([report(result(Status.FAILED, "f(x) → dW: λ " * 9))], encoding="cp1252")
    assert "f(x) -> dW: ?" in lines[2]
    assert printable(terminal("ascii"), "a → b…\nc") == "a -> b...\nc"
    assert printable(terminal(), "a → b…") == "a → b…"


# What to do next


def test_there_is_nothing_to_do_when_all_passes():
    assert next_step(NORM, (result(Status.PASSED),)) == ""


def test_the_first_failure_comes_before_what_is_not_started():
    results = (stub("norm"), result(Status.PASSED), result(Status.FAILED, "norm(v) is wrong\nmore"))
    assert next_step(NORM, results) == "norm(v) is wrong"


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (Status.TIMEOUT, "Stopped: too long"),
        (Status.CRASHED, "Stopped: too long"),
        (Status.ERROR, "Stopped: too long"),
        (Status.SKIPPED, "not measured: Stopped: too long"),
    ],
)
def test_what_is_no_failure_says_what_it_is(status, expected):
    assert next_step(NORM, (result(status, "Stopped: too long"),)) == expected


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ([stub("fit", "standardize")], "not started: write fit and apply"),
        ([stub("apply", "standardize")], "not started: write apply"),
        ([result(Status.PASSED), stub("fit")], "not started: write fit"),
        ([stub("fit"), stub("apply")], "not started: write fit and apply"),
        ([result(Status.NOT_STARTED, "not started")], "not started: write fit and apply"),
        (
            [stub("helper")],
            "not started: helper still raises NotImplementedError (vectors.py, line 2)",
        ),
    ],
)
def test_what_is_not_started_names_the_functions_to_write(results, expected):
    assert next_step(BOTH, tuple(results)) == expected


def test_a_task_whose_names_are_not_known_is_just_not_started():
    assert next_step(Task(name="norm", points=0.0), (result(Status.NOT_STARTED, "not started"),)) == "not started"
