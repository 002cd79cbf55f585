from contextlib import ExitStack
from pathlib import Path

import pytest

from grader.errors import NotStarted, SandboxError, SubmissionError, SubmissionTimeout
from grader.local import Local
from grader.model import Cell, Check, CheckResult, Limits, Status, Task
from grader.remote import Session
from grader.run import Run, guard, module_of
from grader.sandbox import launch
from grader.sandbox.level import Layer

NORM = Check(name="TestNorm::test_x", task="norm")
TASK = Task(name="norm", points=30.0, covers=("norm",))


@pytest.fixture
def folder(tmp_path):
    hw1 = tmp_path / "hw1"
    hw1.mkdir()
    (hw1 / "vectors.py").write_text("def norm(v):\n    return 1\n")
    return hw1


def result(status, name="TestNorm::test_x", task="norm", hidden=False):
    return CheckResult(check=Check(name=name, task=task, hidden=hidden), status=status)


def test_a_check_file_is_about_the_module_in_its_name():
    assert module_of(Path("hw1/test_vectors.py")) == module_of(Path("hw1/test_vectors_hidden.py")) == "vectors"


def test_public_and_hidden_checks_are_about_the_same():
    assert Run.subject(Path("assignments/hw1/test_vectors.py")) == "hw1/vectors"
    assert Run.subject(Path("solutions/hw1/test_vectors_hidden.py")) == "hw1/vectors"


# Which submission


def test_without_a_path_each_folder_has_its_own(folder, tmp_path):
    other = tmp_path / "hw2"
    other.mkdir()
    (other / "vectors.py").write_text("def norm(v):\n    return 2\n")
    run = Run()
    one, two = (run.submission(place / "test_vectors.py") for place in (folder, other))
    assert (one.module.norm(0), two.module.norm(0)) == (1, 2)
    assert run.submission(folder / "test_vectors_hidden.py") is one


def test_a_path_holds_for_all_check_files(folder):
    run = Run(path=folder / "vectors.py")
    one = run.submission(Path("a/test_vectors.py"))
    assert run.submission(Path("b/test_vectors_hidden.py")) is one
    assert isinstance(one, Local)


def test_it_is_opened_when_it_is_asked_for(folder):
    run, checks = Run(), folder / "test_vectors.py"
    assert run.opened(checks) is None
    assert run.submission(checks) is run.opened(checks)
    run.close()
    assert run.opened(checks) is None


def test_what_cannot_be_read_is_an_error_and_notes_are_kept(folder):
    run = Run()
    with pytest.raises(SubmissionError):
        run.submission(folder.parent / "test_vectors.py")
    run.submission(folder / "test_lists.py")
    assert run.notes(folder / "test_lists.py") == (
        "vectors.py was taken for lists.py. Please keep the name that was given.",
    )
    assert run.notes(folder / "test_vectors.py") == ()


def test_cells_and_names_and_processes_stand_behind_the_same_interface(folder):
    checks = folder / "test_vectors.py"
    cells = {"vectors": (Cell(filename="vectors.py", source="def norm(v):\n    return 3\n"),)}
    assert isinstance(Run(isolate=True).submission(checks), Session)
    assert isinstance(Run(cells=cells).submission(checks), Session)
    assert Run(cells=cells, in_process=True).submission(checks).module.norm(0) == 3
    assert Run(namespace={"norm": abs}).submission(checks).module.norm(-4) == 4


def test_the_limits_hold_for_a_session(folder):
    limits = Limits(call_seconds=3.0)
    assert Run(isolate=True, limits=limits).submission(folder / "test_vectors.py").limits == limits


TORCH = """
def plain():
    import torch


def sly():
    import sys

    sys.meta_path[:] = [finder for finder in sys.meta_path if "Withheld" not in str(finder)]
    import torch
"""


@pytest.mark.parametrize("how", [{}, {"isolate": True}, {"in_process": True}], ids=["desk", "isolated", "in_process"])
def test_what_is_written_by_hand_has_no_torch_wherever_it_runs(folder, how):
    (folder / "vectors.py").write_text(TORCH)
    checks = folder / "test_vectors.py"
    cells = {"vectors": (Cell(filename="vectors.py", source=TORCH),)} if how.get("in_process") else {}
    run = Run(**how, cells=cells, by_hand={Run.subject(checks)})
    try:
        with pytest.raises(Exception, match="torch is not to be used here"):
            run.submission(checks).module.plain()
    finally:
        run.close()


@pytest.mark.parametrize("level", [level for level in launch.available() if Layer.LANDLOCK in level.layers])
def test_where_the_kernel_guards_files_those_of_torch_cannot_be_read(folder, level, monkeypatch):
    monkeypatch.setenv(launch.VARIABLE, level)
    launch.close()
    checks = folder / "test_vectors.py"
    cells = {"vectors": (Cell(filename="vectors.py", source=TORCH),)}
    run = Run(cells=cells, by_hand={Run.subject(checks)})
    try:
        with pytest.raises(Exception, match=r"Permission denied: .*torch"):
            run.submission(checks).module.sly()
    finally:
        run.close()
        launch.close()


# One check


def test_a_check_runs_with_its_stand_ins(folder):
    run = Run()
    submission = run.submission(folder / "test_vectors.py")
    with ExitStack() as stack:
        run.enter_check(stack, submission, lambda: None, NORM, {"norm": lambda v: 5})
        assert submission.module.norm(0) == 5
    assert submission.module.norm(0) == 1


def test_a_check_that_ends_has_passed_and_one_that_raises_is_judged(folder):
    run = Run()
    assert run.settle(NORM, None, 0.5, None) == CheckResult(check=NORM, status=Status.PASSED, seconds=0.5)
    failed = run.settle(NORM, AssertionError("wrong"), 0.5, None)
    assert (failed.status, failed.message) == (Status.FAILED, "wrong")


def test_only_a_failure_may_be_given_a_hint(folder):
    seen = []
    run = Run(on_failure=lambda submission, failed: seen.append(failed.status) or failed)
    submission = run.submission(folder / "test_vectors.py")
    for error in (AssertionError("wrong"), NotStarted("not started"), ValueError("ours")):
        run.settle(NORM, error, 0.0, submission)
    assert seen == [Status.FAILED]


def test_after_a_time_out_the_worker_is_given_up(folder):
    run = Run(isolate=True)
    submission = run.submission(folder / "test_vectors.py")
    assert submission.module.norm(0) == 1
    run.settle(NORM, SubmissionTimeout("too long"), 0.0, submission)
    assert submission.module.norm(0) == 1
    run.close()


def test_once_the_stopped_checks_of_a_task_took_its_seconds_the_rest_of_it_is_not_run(folder):
    run = Run(isolate=True, limits=Limits(task_seconds=10.0))
    submission = run.submission(folder / "test_vectors.py")
    other = Check(name="test_other", task="other")

    def enter(check):
        with ExitStack() as stack:
            run.enter_check(stack, submission, lambda: None, check, {})

    for _ in range(2):
        enter(NORM)
        run.settle(NORM, None, 20.0, submission)  # slow, but done
        run.settle(NORM, SubmissionTimeout("too long"), 6.0, submission)
    enter(other)
    with pytest.raises(SubmissionTimeout, match="not run, because other checks of norm took 12 s and were stopped"):
        enter(NORM)
    run.close()


def test_no_check_starts_without_a_worker_and_none_asks_again(folder, monkeypatch):
    asked = []

    def refuse(sandbox, limits, cells=()):
        asked.append(limits)
        raise SandboxError("no room for a worker")

    monkeypatch.setattr(launch.Sandbox, "process", refuse)
    run = Run(isolate=True)
    submission = run.submission(folder / "test_vectors.py")
    for _ in range(3):
        with ExitStack() as stack, pytest.raises(SandboxError, match="no room for a worker"):
            run.enter_check(stack, submission, lambda: None, NORM, {})
    assert len(asked) == 1


FILE = "/home/ada/vectors.py"


def students(source):
    namespace = {}
    exec(compile(source, FILE, "exec"), namespace)
    return namespace["norm"]


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("def norm():\n    raise NotImplementedError", NotStarted),
        ("import pytest\ndef norm():\n    pytest.fail('Timeout (>1.0s)')", SubmissionTimeout),
        ("def norm():\n    raise NotImplementedError('why')", NotImplementedError),
        ("def norm():\n    return 1 / 0", ZeroDivisionError),
    ],
)
def test_a_guarded_example_ends_the_check_for_a_verdict_only(source, kind):
    with pytest.raises(kind):
        guard({FILE: "vectors.py"}, students(source))()


def test_a_guarded_example_passes_on_what_it_is_given():
    assert guard({}, lambda x, *, y: (x, y))(1, y=2) == (1, 2)


# Results


def test_results_are_kept_by_what_they_are_about():
    run = Run()
    run.add("hw1/vectors", TASK, result(Status.PASSED))
    run.add("hw2/vectors", TASK, result(Status.FAILED))
    assert {about: report.score for about, report in run.reports().items()} == {"hw1/vectors": 30.0, "hw2/vectors": 0.0}


def test_a_report_has_the_order_of_the_check_file_whatever_ran_first():
    run = Run()
    for name, line, hidden in (("b", 20, False), ("c", 1, True), ("a", 10, False)):
        task = Task(name=f"task_{name}", points=1.0)
        run.add("hw1/vectors", task, result(Status.PASSED, name, task.name, hidden), line)
    report = run.reports()["hw1/vectors"]
    assert [task.name for task in report.tasks] == ["task_a", "task_b", "task_c"]
    assert [item.check.name for item in report.results] == ["a", "b", "c"]


@pytest.mark.parametrize("order", [1, -1])
def test_the_points_are_those_of_the_public_check_whichever_ran_first(order):
    run = Run()
    for task, name in [(TASK, "a"), (Task(name="norm", points=0.0), "b")][::order]:
        run.add("hw1/vectors", task, result(Status.PASSED, name))
    assert run.reports()["hw1/vectors"].tasks == (TASK,)


@pytest.mark.parametrize(
    ("statuses", "kept"),
    [
        ([Status.PASSED, Status.PASSED], Status.PASSED),
        ([Status.PASSED, Status.FAILED], Status.FAILED),
        ([Status.FAILED, Status.PASSED], Status.FAILED),
        ([Status.ERROR, Status.PASSED], Status.ERROR),
        ([Status.SKIPPED, Status.TIMEOUT], Status.TIMEOUT),
        ([Status.TIMEOUT, Status.ERROR], Status.TIMEOUT),
        ([Status.FAILED, Status.TIMEOUT], Status.FAILED),
    ],
)
def test_of_several_results_of_a_check_the_worst_is_kept(statuses, kept):
    run = Run()
    for status in statuses:
        run.add("hw1/vectors", TASK, result(status))
    (only,) = run.reports()["hw1/vectors"].results
    assert only.status is kept


def test_notes_are_told_once():
    run = Run()
    for _ in range(2):
        run.add("hw1/vectors", TASK, result(Status.PASSED), notes=["mine.py was taken"])
    assert run.reports()["hw1/vectors"].notes == ("mine.py was taken",)
