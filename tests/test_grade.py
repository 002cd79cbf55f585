import json
from dataclasses import replace
from pathlib import Path

import pytest

from grader.assignment import checks, load_assignment
from grader.errors import SandboxError
from grader.grade import ATTEMPTS, REFUSED, environment, grade, grade_path, require_sandbox, unreadable
from grader.model import Cell, Status, Submission
from grader.sandbox import launch
from grader.sandbox.level import Level
from tests.course import HIDDEN, PUBLIC, REFERENCE, change, make_course, make_two_module_course, write

WRONG = REFERENCE.replace("math.sqrt(sum(x * x for x in v))", "sum(x * x for x in v)")
HALF = "def norm(v):\n    return 1.0 if v else 0.0\n"

DRAWN = """\
import pytest
from hypothesis import given
from hypothesis import strategies as st

seen = []


@pytest.mark.task("norm")
class TestNormMore:
    @given(x=st.integers())
    def test_draws(self, hw, x):
        seen.append(x)

    def test_tells(self, hw):
        shown = str(seen)
        seen.clear()
        assert False, shown
"""


@pytest.fixture
def root(tmp_path):
    return make_course(tmp_path)


@pytest.fixture
def hw1(root):
    return load_assignment(root, "hw1")


def hidden(root, checks):
    """Other hidden checks, which no mutant names."""
    write(root / "solutions/hw1/test_vectors_hidden.py", checks)
    (root / "solutions/hw1/mutants.toml").unlink()


def of(source, **modules):
    sources = {"vectors": source} | modules
    cells = {name: (Cell(filename=f"{name}.py", source=text),) for name, text in sources.items()}
    return Submission(student="ada", assignment="hw1", modules=cells, notes=("a note",))


def outcomes(report):
    return [(result.check, result.status, result.message, result.hint) for result in report.results]


def status_of(report, name):
    return next(result for result in report.results if result.check.name == name)


def test_the_reference_earns_full_marks_and_every_check_has_its_result(hw1):
    report = grade(hw1, of(REFERENCE))
    assert (report.score, report.max_score) == (90, 90)
    assert [result.check for result in report.results] == list(checks(hw1))
    assert (report.student, report.assignment, report.notes) == ("ada", "hw1", ("a note",))


def test_partial_credit_follows_the_weights_of_public_and_hidden_checks(hw1):
    report = grade(hw1, of(HALF))
    assert report.score == 30 * 3 / 4
    assert status_of(report, "TestNormMore::test_of_a_secret_vector").check.hidden
    assert status_of(report, "test_scale_by_zero").message == "vectors does not define 'scale'."


@pytest.mark.parametrize("source", [REFERENCE, WRONG, HALF, "def norm(", "import nowhere\n", "raise SystemExit\n"])
def test_isolated_and_in_process_every_check_has_the_same_outcome(hw1, source):
    isolated, inside = grade(hw1, of(source), hints=False), grade(hw1, of(source), hints=False, isolate=False)
    assert [result.status for result in isolated.results] == [result.status for result in inside.results]
    assert isolated.score == inside.score


def test_every_report_says_how_far_the_submission_was_isolated(hw1):
    assert grade(hw1, of(REFERENCE)).environment["isolation"] == environment(True)["isolation"]
    assert grade(hw1, of(REFERENCE), isolate=False).environment["isolation"].startswith("none")
    assert {"grader", "python", "numpy"} <= grade(hw1, of(REFERENCE), isolate=False).environment.keys()


@pytest.fixture
def at(monkeypatch):
    """Asks for a level of isolation, for the rest of a test."""

    def ask(level):
        launch.close()
        monkeypatch.setenv(launch.VARIABLE, level)

    yield ask
    launch.close()


def test_without_isolation_official_grading_refuses_unless_that_is_accepted(at):
    at("E")
    with pytest.raises(SandboxError) as refused:
        require_sandbox(accept=False)
    assert str(refused.value) == REFUSED
    assert "--accept-unsandboxed" in REFUSED
    assert "--Autograde.accept_unsandboxed=True" in REFUSED
    require_sandbox(accept=True)
    assert environment(True)["isolation"] == f"UNSANDBOXED, level {Level.E.label}"


def test_a_level_that_is_not_to_be_had_is_refused_whatever_is_accepted(at):
    at("Z")
    with pytest.raises(SandboxError, match="GRADER_SANDBOX is 'Z'"):
        require_sandbox(accept=True)


@pytest.mark.skipif(launch.available() == (Level.E,), reason="this machine has no isolation")
def test_isolation_is_accepted_and_named(at):
    at(launch.available()[0])
    require_sandbox(accept=False)
    assert environment(True)["isolation"] == f"level {launch.available()[0].label}"


def test_what_cannot_be_read_needs_no_sandbox(hw1, at):
    at("Z")
    assert unreadable(hw1, "ada", "vectors.py is empty.").environment["isolation"].startswith("none needed")


def test_only_the_tasks_that_are_asked_for_are_graded(hw1):
    report = grade(hw1, of(REFERENCE), tasks=["vectors"])
    assert [task.name for task in report.tasks] == ["vectors"]
    assert [result.check.name for result in report.results] == ["test_scale_by_zero"]


def test_all_modules_of_an_assignment_are_graded(tmp_path):
    root = make_two_module_course(tmp_path)
    report = grade(load_assignment(root, "hw1"), of(REFERENCE, kernels="def dot(v, w):\n    return 2\n"))
    assert {task.name: report.score_of(task) for task in report.tasks} == {"norm": 30, "vectors": 40, "dot": 0}


# Same work, same score


def test_a_notebook_and_a_module_with_the_same_functions_get_the_same_score(hw1, tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "vectors.py").write_text(HALF)
    mark = {"nbgrader": {"grade_id": "norm", "solution": True}}
    cells = [
        {"cell_type": "code", "metadata": mark, "source": HALF},
        {"cell_type": "code", "metadata": {}, "source": "print(norm([1]))\n1/0"},
    ]
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "vectors.ipynb").write_text(json.dumps({"cells": cells}))
    one, two = (grade_path(hw1, tmp_path / name, "ada") for name in ("one", "two"))
    assert one.score == two.score == 22.5
    assert [result.status for result in one.results] == [result.status for result in two.results]


def test_the_same_submission_gets_the_same_report_again(root, hw1):
    hidden(root, DRAWN)
    first, second = grade(hw1, of(REFERENCE)), grade(hw1, of(REFERENCE))
    assert outcomes(first) == outcomes(second)
    assert status_of(first, "TestNormMore::test_tells").message.count(",") > 5


def test_the_secret_seed_decides_the_examples(root, hw1):
    hidden(root, DRAWN)
    one, other = grade(hw1, of(REFERENCE)), grade(replace(hw1, seed="another"), of(REFERENCE))
    assert outcomes(one) != outcomes(other)


def test_examples_do_not_depend_on_the_submission_or_the_other_tasks(root, hw1):
    hidden(root, DRAWN)
    whole, part = grade(hw1, of(REFERENCE)), grade(hw1, of("x = 1"), tasks=["norm"])
    name = "TestNormMore::test_tells"
    assert status_of(whole, name).message == status_of(part, name).message


# What is our own fault

FAILS_AT_FIRST = """\
import pytest

calls = []


@pytest.mark.task("norm")
def test_at_last(hw):
    calls.append(1)
    if len(calls) < {times}:
        raise OSError("no space left on device")
"""


def test_a_check_that_fails_through_our_own_fault_is_tried_again(root, hw1):
    hidden(root, FAILS_AT_FIRST.format(times=2))
    report = grade(hw1, of(REFERENCE))
    assert report.score == 90
    assert not report.open_tasks


def test_a_check_that_keeps_failing_is_an_error_and_its_points_are_open(root, hw1):
    hidden(root, FAILS_AT_FIRST.format(times=9))
    report = grade(hw1, of(REFERENCE))
    result = status_of(report, "test_at_last")
    assert result.status is Status.ERROR
    assert "OSError: no space left on device (test_vectors_hidden.py, line 10)" in result.message
    assert [task.name for task in report.open_tasks] == ["norm"]
    assert report.score == 60


def test_what_is_settled_is_not_changed_by_a_second_attempt(root, hw1):
    source = FAILS_AT_FIRST.format(times=9) + "\n\nticks = []\n\n\n@pytest.mark.task('norm')\ndef test_once(hw):\n"
    source += "    ticks.append(1)\n    assert len(ticks) == 1, 'a second time'\n"
    hidden(root, source)
    assert status_of(grade(hw1, of(REFERENCE), taped=False), "test_once").status is Status.PASSED


def test_a_check_file_that_cannot_be_imported_leaves_its_points_open_and_says_why(root, hw1):
    write(root / "solutions/hw1/test_vectors_hidden.py", "import nowhere\n" + HIDDEN)
    report = grade(hw1, of(REFERENCE))
    result = status_of(report, "TestNormMore::test_of_a_secret_vector")
    assert result.status is Status.ERROR
    assert "not your fault" in result.message
    assert "test_vectors_hidden.py cannot be imported: ModuleNotFoundError: No module named 'nowhere'" in result.message
    assert [task.name for task in report.open_tasks] == ["norm"]
    assert report.score == 60


def test_two_courses_in_one_process_are_not_mixed_up(hw1, tmp_path_factory):
    other = make_course(tmp_path_factory.mktemp("other"))
    change(other / "assignments/hw1/test_vectors.py", "hw.norm([]) == 0.0", "hw.norm([]) == 7.0")
    there = load_assignment(other, "hw1")
    assert [grade(assignment, of(REFERENCE)).score for assignment in (hw1, there, hw1)] == [90, 82.5, 90]


def test_a_check_file_that_is_mended_counts_at_once(root, hw1):
    write(root / "assignments/hw1/test_vectors.py", PUBLIC.replace("1.0, 0.0", "2.0, 0.0"))
    assert grade(hw1, of(REFERENCE)).score == 75
    write(root / "assignments/hw1/test_vectors.py", PUBLIC + "\n")
    assert grade(hw1, of(REFERENCE)).score == 90


HUNDRED = """\
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st


@pytest.mark.task("norm")
@given(x=st.integers())
@settings(max_examples=100)
def test_of_many(hw, x):
    try:
        assert hw.norm([x]) == abs(x)
    except Exception as error:
        raise AssertionError("it raised") from error
"""


@pytest.mark.parametrize("last", [ATTEMPTS, 1])
def test_a_worker_that_cannot_be_started_is_our_fault_and_asked_for_once_an_attempt(root, hw1, monkeypatch, last):
    """However many checks and examples there are, and whatever a check catches; a later attempt may do better."""
    hidden(root, HUNDRED)
    asked, real = [], launch.Sandbox.process

    def refuse(sandbox, limits, cells=()):
        asked.append(cells)
        if len(asked) > last:
            return real(sandbox, limits, cells)
        raise SandboxError("the fork server did not answer within 30 s")

    monkeypatch.setattr(launch.Sandbox, "process", refuse)
    report = grade(hw1, of(REFERENCE), taped=False)
    assert len(asked) == ATTEMPTS
    if last < ATTEMPTS:
        assert report.score == 90
        return
    assert {result.status for result in report.results} == {Status.ERROR}
    assert {result.message for result in report.results} == {
        "Your code was not run, which is not your fault: the fork server did not answer within 30 s"
    }
    assert report.open_tasks == hw1.tasks


# What a submission may do


def test_an_exit_of_the_process_costs_its_own_checks_only(hw1):
    source = REFERENCE.replace("    return math.sqrt", "    import os\n    os._exit(0)\n    return math.sqrt")
    report = grade(hw1, of(source))
    assert report.score == 60
    assert {result.status for result in report.results} == {Status.CRASHED, Status.PASSED}


def test_an_endless_loop_costs_its_own_checks_only(root, hw1):
    write(root / "assignments/hw1/test_vectors.py", PUBLIC)
    limits = replace(hw1.limits, call_seconds=0.5)
    source = REFERENCE.replace("    return [factor", "    while True: pass\n    return [factor")
    report = grade(replace(hw1, limits=limits), of(source))
    assert report.score == 30
    result = status_of(report, "test_scale_by_zero")
    assert result.status is Status.TIMEOUT
    assert result.message == "Stopped: scale did not return within 0.5 s. Is there a loop that never ends?"


def test_the_stub_is_not_started_and_earns_nothing(hw1):
    report = grade(
        hw1, of("def norm(v):\n    raise NotImplementedError()\n\n\ndef scale(v, f):\n    raise NotImplementedError\n")
    )
    assert {result.status for result in report.results} == {Status.NOT_STARTED}
    assert (report.score, report.open_tasks) == (0, ())


# What cannot be read


def test_a_submission_that_cannot_be_read_earns_nothing_and_every_check_says_why(hw1, tmp_path):
    (tmp_path / "ada").mkdir()
    (tmp_path / "ada" / "vectors.py").write_bytes(b"\xff\xfe")
    report = grade_path(hw1, tmp_path / "ada", "ada")
    assert (report.score, report.max_score, report.open_tasks) == (0, 90, ())
    assert len(report.results) == len(checks(hw1))
    assert all(result.message.startswith("vectors.py is not UTF-8") for result in report.results)
    assert report.notes[0].startswith("vectors.py is not UTF-8")


def test_an_unreadable_report_names_the_student(hw1):
    report = unreadable(hw1, "ada", "vectors.py is empty.")
    assert (report.student, report.assignment, report.notes) == ("ada", "hw1", ("vectors.py is empty.",))
    assert {result.status for result in report.results} == {Status.FAILED}


def test_what_lies_at_a_path_is_read_and_graded(hw1, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(REFERENCE)
    assert grade_path(hw1, Path(path), "ada").score == 90
