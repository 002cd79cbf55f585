import csv
import io
from dataclasses import replace

import pytest
from rich.console import Console

from grader.doctor import Diagnosis
from grader.machine import Fact
from grader.model import Check, CheckResult, Report, Status, Task
from grader.report import (
    STAMP,
    WIDTH,
    as_csv,
    make_console,
    make_table,
    show_class,
    show_doctor,
    show_finding,
    show_report,
)
from grader.sandbox.canary import HARMFUL, HARMLESS
from grader.sandbox.level import Layer
from grader.sandbox.probe import Attempt
from grader.validate import Finding

NORM, SCALE = Task(name="norm", points=30, covers=("norm",)), Task(name="scale", points=60, covers=("scale",))
NASTY = "norm raised ValueError: [red]boom[/red] :smile: \x1b[31m\x07 end"


def result(name, task, status, message="", **more):
    return CheckResult(
        check=Check(name=name, task=task, hidden=more.pop("hidden", False)), status=status, message=message, **more
    )


def report(*results, student="ada", notes=(), isolation="level B (Landlock, seccomp)"):
    return Report(
        student=student,
        assignment="hw1",
        tasks=(NORM, SCALE),
        results=results,
        notes=notes,
        environment={"isolation": isolation},
    )


GOOD = (result("test_n", "norm", Status.PASSED), result("test_s", "scale", Status.PASSED))
WRONG = result("test_n", "norm", Status.FAILED, NASTY)


def printed(show, *arguments, width=100, **more):
    """What is shown, in a terminal with colours as well as in a file."""
    texts = []
    for terminal in (True, False):
        out = io.StringIO()
        show(
            Console(file=out, width=width, force_terminal=terminal, color_system="standard" if terminal else None),
            *arguments,
            **more,
        )
        texts.append(out.getvalue())
    return texts


@pytest.mark.parametrize(
    ("show", "shown"),
    [
        (show_report, report(WRONG, GOOD[1], notes=(NASTY,), student=NASTY)),
        (show_report, report(WRONG, result("test_s", "scale", Status.FAILED, NASTY), student=NASTY)),
        (show_class, [report(WRONG, result("test_s", "scale", Status.FAILED, NASTY), student=NASTY)]),
        (show_class, [report(WRONG, GOOD[1], student=NASTY)]),
        (show_finding, Finding(what="stub", ok=False, detail=NASTY)),
    ],
)
def test_text_of_a_submission_is_shown_as_it_is_and_steers_no_terminal(show, shown):
    coloured, plain = printed(show, shown, width=200)
    for text in (coloured, plain):
        assert "[red]" in text
        assert "\x07" not in text
        assert "\x1b[31m\x07" not in text
        assert "😄" not in text
    assert "\x1b" not in plain


def test_what_looks_like_an_emoji_is_a_slice():
    """Rich makes one of `:100:` unless it is told not to."""
    slices = result("test_n", "norm", Status.FAILED, "X[:100:] is wrong")
    assert all("X[:100:] is wrong" in text for text in printed(show_report, report(slices, GOOD[1])))


def test_a_report_lists_points_checks_and_the_next_step_of_each_task():
    _, text = printed(show_report, report(WRONG, result("test_t", "norm", Status.PASSED), GOOD[1]))
    rows = [line.split() for line in text.splitlines()]
    assert rows[0] == ["ada", "hw1"]
    assert rows[2][:7] == ["norm", "15", "/", "30", "1", "of", "2"]
    assert rows[2][7:9] == ["norm", "raised"]
    assert ["scale", "60", "/", "60", "1", "of", "1"] in rows
    assert ["total", "75", "/", "90"] in rows
    assert "isolation: level B (Landlock, seccomp)" in text


def test_a_check_that_did_not_pass_is_shown_with_message_and_hint():
    wrong = result(
        "TestN::test_n", "norm", Status.FAILED, "norm([3, 4]) is wrong\n  expected 5", hint="The root is missing."
    )
    _, text = printed(show_report, report(wrong, GOOD[1]))
    shown = text.partition("failed check ")[2].splitlines()
    assert shown[0] == "TestN::test_n (task norm)"
    assert shown[1:4] == ["  norm([3, 4]) is wrong", "    expected 5", "  Known mistake: The root is missing."]


def test_a_message_is_said_once():
    results = (WRONG, result("test_m", "norm", Status.CRASHED, NASTY), GOOD[1])
    _, text = printed(show_report, report(*results), width=200)
    assert text.count("end\n") == 1
    assert "crashed check test_m (task norm)\n  as above\n" in text


def test_what_is_not_started_is_in_the_table_only():
    todo = result("test_n", "norm", Status.NOT_STARTED, "not started: norm still raises NotImplementedError")
    _, text = printed(show_report, report(todo, GOOD[1]))
    assert text.count("not started") == 1
    assert "not started: write norm" in text


def test_hidden_checks_can_be_left_out():
    secret = result("test_secret", "norm", Status.FAILED, "secret message", hidden=True)
    assert "hidden check test_secret" in printed(show_report, report(secret, WRONG, GOOD[1]))[1]
    assert "test_secret" not in printed(show_report, report(WRONG, secret, GOOD[1]), hidden=False)[1]


def test_a_submission_that_cannot_be_read_gives_its_reason_once():
    reason = "Neither vectors.ipynb nor vectors.py was handed in."
    lost = report(
        *(result(name, task, Status.FAILED, reason) for name, task in (("test_n", "norm"), ("test_s", "scale"))),
        notes=(reason,),
    )
    _, text = printed(show_report, lost)
    assert text.splitlines()[:3] == ["ada hw1", "0 / 90", reason]
    assert text.count(reason) == 1
    assert reason in printed(show_class, [lost])[1]


def test_open_points_are_open_not_lost():
    measured = report(result("test_n", "norm", Status.ERROR, "a bug of ours"), GOOD[1])
    _, text = printed(show_report, measured)
    assert "open / 30" in text
    assert "error check test_n (task norm)\n  a bug of ours" in text
    assert "norm open/30" in printed(show_class, [measured])[1]


@pytest.mark.parametrize("width", [80, 200])
def test_a_class_is_one_line_a_submission_however_narrow(width):
    reports = [
        report(*GOOD, student="a-very-long-name-of-a-student@university.example"),
        report(WRONG, GOOD[1], student="bo"),
    ]
    _, text = printed(show_class, reports, width=width)
    lines = text.splitlines()
    assert len(lines) == 3
    assert all(len(line) <= width for line in lines)
    assert lines[1].split()[1:] == ["90", "/", "90"]
    assert lines[2].split() == ["bo", "60", "/", "90", "norm", "0/30"]


def test_the_last_column_gets_the_room_that_is_left():
    table = make_table("name", "points", last="why", numbers=["points"])
    table.add_row("ada", "3", "w" * 300)
    _, text = printed(lambda console, shown: console.print(shown), table, width=80)
    row = text.splitlines()[1]
    assert row.startswith("ada        3  wwww")
    assert row.endswith("w…")
    assert len(row) == 80


def test_csv_has_a_row_a_submission_and_open_points_stay_empty():
    part = report(
        WRONG,
        result("test_t", "norm", Status.PASSED, ""),
        result("test_s", "scale", Status.ERROR),
        student='o"neil, bo',
    )
    rows = list(csv.DictReader(io.StringIO(as_csv([report(*GOOD), part]))))
    assert rows[0] == {
        "student": "ada",
        "assignment": "hw1",
        "score": "90",
        "max_score": "90",
        "norm": "30",
        "scale": "60",
        "isolation": "level B (Landlock, seccomp)",
    }
    assert rows[1] == {
        "student": 'o"neil, bo',
        "assignment": "hw1",
        "score": "15",
        "max_score": "90",
        "norm": "15",
        "scale": "",
        "isolation": "level B (Landlock, seccomp)",
    }


def test_a_report_without_isolation_is_stamped_wherever_it_is_shown():
    bare = report(*GOOD, isolation="UNSANDBOXED, level E (process boundary only)")
    assert STAMP in printed(show_report, bare)[1]
    assert STAMP in printed(show_class, [report(*GOOD), bare])[1]
    assert "UNSANDBOXED, level E" in as_csv([bare])
    assert "UNSANDBOXED" not in printed(show_report, report(*GOOD))[1] + printed(show_class, [report(*GOOD)])[1]


@pytest.mark.parametrize("name", ["=HYPERLINK(1)", "+1", "-1", "@SUM", "\tx"])
def test_no_name_is_a_formula_to_a_spreadsheet(name):
    (row,) = csv.DictReader(io.StringIO(as_csv([replace(report(*GOOD), student=name)])))
    assert row["student"] == f"'{name}"


def test_findings_line_up_and_further_lines_are_indented():
    _, good = printed(show_finding, Finding(what="stub", ok=True, detail="0 of 90 points"))
    _, bad = printed(
        show_finding, Finding(what="reference", ok=False, detail="60 of 90 points\n  test_n: failed\ntest_m: failed")
    )
    assert good.startswith("ok   stub ")
    assert good.index("0 of 90") == bad.index("60 of 90")
    assert bad.splitlines()[1:] == ["       test_n: failed", "       test_m: failed"]


def test_output_that_is_no_terminal_is_wide_enough_to_read(monkeypatch):
    monkeypatch.setattr("sys.stdout", io.StringIO())
    monkeypatch.delenv("COLUMNS", raising=False)
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    assert make_console().width == WIDTH
    monkeypatch.setenv("COLUMNS", "90")
    assert make_console().width == 90


def diagnosis(*facts, attempts=()):
    return Diagnosis(
        chapters={"machine": facts, "course": (Fact(name="folder", value="/srv/course"),)}, attempts=attempts
    )


def test_facts_are_marked_and_what_to_do_stands_below():
    facts = (
        Fact(name="memory", value="16 GiB"),
        Fact(name="user", value="root", good=None, advice="Better not."),
        Fact(name="level", value="E " + "x" * 200, good=False, advice="Do this. " * 20),
    )
    _, text = printed(show_doctor, diagnosis(*facts))
    lines = text.splitlines()
    assert lines[0].startswith("machine ──")
    assert [line.split() for line in lines[1:4]] == [
        ["ok", "memory", "16", "GiB"],
        ["note", "user", "root"],
        ["→", "Better", "not."],
    ]
    assert lines[4].startswith("FAIL  level   E")
    assert all(len(line) <= 100 for line in lines)
    assert " ".join(text.split()).count("Do this.") == 20


def test_text_of_a_machine_steers_no_terminal():
    _, text = printed(show_doctor, diagnosis(Fact(name="course", value=NASTY, advice=NASTY)))
    assert "[red]boom[/red]" in text
    assert "\x1b" not in text


def attempts(*sets, layer_of_all):
    """What every attempt of the canary comes to: one that nothing stops, the others stopped as they should be."""
    found = []
    for layers in (*sets, layer_of_all):
        for name in [*HARMFUL, *HARMLESS]:
            stopped = "" if name in HARMLESS else "PermissionError: Operation not permitted"
            if name == "fork":
                stopped = ""
            found.append(Attempt(frozenset(layers), name, stopped, name != "fork"))
    return tuple(found)


def test_attempts_are_one_table_that_fits():
    sets = [{Layer.LANDLOCK}, {Layer.LANDLOCK, Layer.SCOPE}, {Layer.SECCOMP}]
    found = attempts(*sets, layer_of_all=set(Layer) - {Layer.USER})
    _, text = printed(show_doctor, diagnosis(attempts=found))
    lines = text.splitlines()
    assert all(len(line) <= 100 for line in lines)
    rows = {line[:37].strip(): line[37:].split("  ") for line in lines}
    assert [cell.strip() for cell in rows["fork"] if cell.strip()] == ["it got through"] * 4
    assert [cell.strip() for cell in rows["compute"] if cell.strip()] == ["works"] * 4
    assert [cell.strip() for cell in rows["run a program"] if cell.strip()] == ["not permitted"] * 4


def test_what_a_level_does_not_promise_stays_empty_and_other_errors_keep_their_names():
    found = (
        Attempt(frozenset({Layer.SECCOMP}), "fork", "BlockingIOError: no", True),
        Attempt(frozenset({Layer.SECCOMP, Layer.USER}), "make a file", "PermissionError: no", True),
    )
    _, text = printed(show_doctor, diagnosis(attempts=found))
    rows = [line.split() for line in text.splitlines() if line]
    assert ["fork", "BlockingIOError"] in rows
    assert ["make", "a", "file", "not", "permitted"] in rows
    assert ["attempt", "seccomp", "all"] in rows
