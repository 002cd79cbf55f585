import json
from dataclasses import replace
from pathlib import Path

import pytest

import grader.grade as grade_module
from grader.assignment import checks, load_assignment
from grader.errors import SandboxError
from grader.grade import ATTEMPTS, REFUSED, environment, grade, grade_path, require_sandbox, tape_of, unreadable
from grader.hypothesis_run import EXAMPLES
from grader.model import Cell, Status, Submission
from grader.sandbox import launch
from grader.sandbox.level import Level
from tests.course import HIDDEN, PUBLIC, REFERENCE, VARIANT, change, make_course, make_two_module_course, write

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


def test_only_the_checks_that_are_named_are_graded(hw1):
    report = grade(hw1, of(REFERENCE), names=["TestNorm::test_of_nothing"])
    assert [result.check.name for result in report.results] == ["TestNorm::test_of_nothing"]


def test_all_modules_of_an_assignment_are_graded(tmp_path):
    root = make_two_module_course(tmp_path)
    report = grade(load_assignment(root, "hw1"), of(REFERENCE, kernels="def dot(v, w):\n    return 2\n"))
    assert {task.name: report.score_of(task) for task in report.tasks} == {"norm": 30, "vectors": 40, "dot": 0}


def test_a_module_that_was_not_handed_in_costs_only_its_own_tasks(tmp_path):
    assignment = load_assignment(make_two_module_course(tmp_path), "hw1")
    (tmp_path / "handed").mkdir()
    (tmp_path / "handed" / "vectors.py").write_text(REFERENCE)
    report = grade_path(assignment, tmp_path / "handed", "ada")
    assert {task.name: report.score_of(task) for task in report.tasks} == {"norm": 30, "vectors": 40, "dot": 0}
    (why,) = {result.message for result in report.results if result.check.task == "dot"}
    assert why == "Neither kernels.ipynb nor kernels.py was handed in (found: vectors.py)."
    assert why in report.notes


def test_a_module_that_cannot_be_read_costs_only_its_own_tasks(tmp_path):
    assignment = load_assignment(make_two_module_course(tmp_path), "hw1")
    (tmp_path / "handed").mkdir()
    (tmp_path / "handed" / "vectors.py").write_text(REFERENCE)
    (tmp_path / "handed" / "kernels.ipynb").write_text('{"cells": [')
    report = grade_path(assignment, tmp_path / "handed", "ada")
    assert report.score == 70
    assert {result.status for result in report.results if result.check.task == "dot"} == {Status.FAILED}
    (tmp_path / "handed" / "vectors.py").write_text("")
    report = grade_path(assignment, tmp_path / "handed", "ada")
    assert report.score == 0
    assert "vectors.py is empty." in report.notes[0]
    assert "kernels.ipynb is no notebook" in report.notes[0]


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


# The tape

MANY = """\
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

drawn, ran = [], []


@pytest.mark.task("norm")
class TestNormMore:
    @given(x=st.integers(0, 1000).map(lambda x: drawn.append(x) or x))
    def test_one(self, hw, x):
        ran.append(x)
        assert hw.norm([x]) == x

    @example(x=3)
    @given(x=st.integers(0, 1000))
    def test_explicit(self, hw, x):
        assert hw.norm([x]) == x

    @given(x=st.integers(0, 1000))
    def test_odd(self, hw, x):
        assume(x % 2)
        assert hw.norm([x]) == x

    @pytest.mark.parametrize("factor", [1, 2])
    @given(x=st.integers(0, 1000))
    def test_times(self, hw, x, factor):
        assert hw.norm([factor * x]) == factor * x

    @given(data=st.data())
    def test_while(self, hw, data):
        x = data.draw(st.integers(0, 1000))
        assert hw.norm([x]) == x

    @given(f=st.builds(lambda x: lambda: x, st.integers(0, 1000)))
    def test_functions(self, hw, f):
        assert hw.norm([f()]) == f()

    def test_plain(self, hw):
        assert hw.norm([3.0, 4.0]) == 5.0

    @pytest.mark.parametrize("x", [1, 2])
    def test_plain_times(self, hw, x):
        assert hw.norm([x]) == x

    def test_tells(self, hw):
        shown = f"drawn {len(drawn)}, ran {len(ran)}"
        drawn.clear()
        ran.clear()
        assert False, shown
"""


@pytest.fixture
def tapes(tmp_path_factory, monkeypatch):
    """Where tapes are kept; there are none yet, and this process remembers none."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("GRADER_CACHE", str(folder))
    monkeypatch.setattr("grader.grade._tapes", {})
    return folder / "tapes"


@pytest.fixture
def recorded(monkeypatch):
    """The assignments for which a tape was made."""
    made, real = [], grade_module._recorded
    monkeypatch.setattr(grade_module, "_recorded", lambda assignment: made.append(assignment) or real(assignment))
    return made


WRONG_AT = REFERENCE.replace(
    "    return math.sqrt", "    if v and v[0] >= 10:\n        return -1.0\n    return math.sqrt"
)
UNKIND = (
    REFERENCE,
    WRONG,
    HALF,
    WRONG_AT,
    VARIANT,
    "def norm(",
    "def norm(v):\n    raise NotImplementedError\n",
    "def norm(v):\n    v.append(0.0)\n    return sum(x * x for x in v) ** 0.5\n",
    "import os\n\ndef norm(v):\n    os._exit(3) if v[:1] >= [500] else None\n    return sum(x * x for x in v) ** 0.5\n",
    "def norm(v):\n    return [sum(v)]\n",
    "def norm(v):\n    return norm\n",
)


@pytest.mark.parametrize(
    ("source", "isolate"), [*((source, True) for source in UNKIND), *((source, False) for source in UNKIND[:4])]
)
def test_with_and_without_the_tape_every_check_has_the_same_result(root, hw1, source, isolate):
    hidden(root, MANY.replace("    def test_tells", "    def tells"))
    played, ordinary = (grade(hw1, of(source), taped=taped, isolate=isolate) for taped in (True, False))
    assert [(r.check, r.status) for r in played.results] == [(r.check, r.status) for r in ordinary.results]
    assert [r.hint for r in played.results] == [r.hint for r in ordinary.results]
    assert played.score == ordinary.score


def test_the_smallest_example_is_in_the_message_as_without_the_tape(root, hw1):
    hidden(root, MANY)
    name = "TestNormMore::test_one"
    messages = {status_of(grade(hw1, of(WRONG_AT), taped=taped), name).message for taped in (True, False)}
    assert len(messages) == 1
    assert "([10])" in messages.pop()


def test_each_check_and_each_of_its_parameters_has_its_place_on_the_tape_or_a_reason(root, hw1, tapes):
    hidden(root, MANY)
    made = tape_of(hw1).checks
    reasons = {name.removeprefix("TestNormMore::"): taped.reason for name, taped in made.items() if not taped.plan}
    assert set(reasons) == {"test_while", "test_functions", "test_tells"}
    assert reasons["test_while"] == "it draws while it runs (st.data)"
    assert reasons["test_functions"].startswith("what it draws cannot be kept")
    assert reasons["test_tells"] == "the reference fails"
    counts = {name.partition("::")[2]: len(taped.examples) for name, taped in made.items() if taped.plan}
    assert counts == {
        "test_one": EXAMPLES,
        "test_explicit": EXAMPLES + 1,
        "test_odd": counts["test_odd"],
        "test_times[1]": EXAMPLES,
        "test_times[2]": EXAMPLES,
        "test_plain": 1,
        "test_plain_times[1]": 1,
        "test_plain_times[2]": 1,
        "test_of_a_unit_vector": 1,
        "test_of_nothing": 1,
        "": 1,  # of a check in no class
    }
    assert counts["test_odd"] > EXAMPLES


def test_examples_are_drawn_once_and_looked_at_once_for_the_same_answers(root, hw1, tapes):
    hidden(root, MANY)
    for source in (REFERENCE, VARIANT, REFERENCE):
        report = grade(hw1, of(source), tasks=["norm"])
        told = status_of(report, "TestNormMore::test_tells").message
        assert told.split("\n")[0] == "drawn 0, ran 0"
    tape_of(hw1).passed.clear()
    report = grade(hw1, of(REFERENCE), tasks=["norm"])
    told = status_of(report, "TestNormMore::test_tells").message
    assert told.split("\n")[0] == f"drawn 0, ran {EXAMPLES}"


def test_a_tape_is_made_once_by_all_processes_of_a_user(hw1, tapes, recorded, monkeypatch):
    for _ in range(2):
        assert grade(hw1, of(REFERENCE)).score == 90
    monkeypatch.setattr("grader.grade._tapes", {})  # another process
    assert grade(hw1, of(WRONG)).score < 90
    assert recorded == [hw1]
    assert len(list(tapes.glob("*.tape"))) == 1


def test_without_the_tape_none_is_made(hw1, tapes, recorded):
    assert grade(hw1, of(REFERENCE), taped=False).score == 90
    assert recorded == []
    assert list(tapes.glob("*.tape")) == []


@pytest.mark.parametrize(
    "path", ["assignments/hw1/test_vectors.py", "solutions/hw1/test_vectors_hidden.py", "solutions/hw1/vectors.py"]
)
def test_a_tape_is_made_anew_when_a_check_file_or_the_reference_changes(root, hw1, tapes, recorded, path):
    tape_of(hw1)
    with (root / path).open("a", encoding="utf-8") as file:
        file.write("# changed\n")
    tape_of(hw1)
    assert len(recorded) == 2
    assert len(list(tapes.glob("*.tape"))) == 2


def test_a_tape_is_made_anew_for_another_seed(hw1, tapes, recorded):
    tape_of(hw1)
    tape_of(replace(hw1, seed="another"))
    assert len(recorded) == 2


def test_a_broken_tape_is_made_anew(hw1, tapes, recorded, monkeypatch):
    grade(hw1, of(REFERENCE))
    (path,) = tapes.glob("*.tape")
    path.write_bytes(b"broken")
    monkeypatch.setattr("grader.grade._tapes", {})
    assert grade(hw1, of(REFERENCE)).score == 90
    assert len(recorded) == 2
    assert path.read_bytes() != b"broken"


def test_where_no_tape_can_be_kept_it_lasts_as_long_as_the_process(hw1, tmp_path, monkeypatch, tapes, recorded):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GRADER_CACHE", str(tmp_path / "file"))
    for _ in range(2):
        assert grade(hw1, of(REFERENCE)).score == 90
    assert len(recorded) == 1


def test_a_tape_that_cannot_be_made_now_is_not_kept_and_grading_goes_on(hw1, tapes, recorded, monkeypatch):
    real = launch.Sandbox.process

    def refuse(sandbox, limits, cells=()):
        raise SandboxError("the fork server did not answer within 30 s")

    monkeypatch.setattr(launch.Sandbox, "process", refuse)
    assert tape_of(hw1).checks == {}
    monkeypatch.setattr(launch.Sandbox, "process", real)
    assert list(tapes.glob("*.tape")) == []
    assert grade(hw1, of(REFERENCE)).score == 90
    assert len(recorded) == 2
    assert len(list(tapes.glob("*.tape"))) == 1


def test_check_files_that_cannot_be_imported_make_no_tape(root, hw1, tapes):
    write(root / "solutions/hw1/test_vectors_hidden.py", "import nowhere\n" + HIDDEN)
    assert grade(hw1, of(REFERENCE)).score == 60
    assert list(tapes.glob("*.tape")) == []


def test_a_submission_that_fails_once_has_failed(root, hw1):
    """Such as one whose fifth call of all goes wrong: when the check is run again, that is another call."""
    hidden(root, MANY)
    source = REFERENCE.replace("    return math.sqrt", "    k[0] += 1\n    return -1.0 if k[0] == 5 else math.sqrt")
    report = grade(hw1, of(source + "\nk = [0]\n"), tasks=["norm"])
    result = status_of(report, "TestNormMore::test_one")
    assert result.status is Status.FAILED
    assert "The same input gave different results" in result.message


def test_an_endless_loop_in_a_check_that_is_played_is_stopped_at_once(root, hw1):
    hidden(root, MANY.partition("    @example")[0])
    limits = replace(hw1.limits, call_seconds=0.5)
    source = REFERENCE.replace("    return math.sqrt", "    while v and v[0] >= 10: pass\n    return math.sqrt")
    report = grade(replace(hw1, limits=limits), of(source))
    result = status_of(report, "TestNormMore::test_one")
    assert result.status is Status.TIMEOUT
    assert result.message == "Stopped: norm did not return within 0.5 s. Is there a loop that never ends?"


def test_what_the_reference_prints_and_leaves_while_a_tape_is_made_stays_there(root, hw1, tapes, capfd):
    write(root / "solutions/hw1/vectors.py", "print('loud')\n" + REFERENCE)
    assert tape_of(hw1).checks
    assert capfd.readouterr() == ("", "")


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
