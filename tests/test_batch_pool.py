import os
import select
import signal
import subprocess
import sys

import pytest

from grader.assignment import load_assignment
from grader.batch.engine import Where, grade_units
from grader.batch.pool import Pool, pool
from grader.batch.unit import Unit, pack
from grader.errors import BatchError, SandboxError
from grader.grade import REFUSED, environment
from grader.model import Status
from grader.sandbox import launch
from grader.version import ingredients, version_of
from tests.batch_course import ALWAYS, CLASS, ONCE, deadly_course, hand_in, units_of, verdicts
from tests.test_course import ROOT


@pytest.fixture
def assignment(tmp_path):
    return deadly_course(tmp_path)


def grade(assignment, units, jobs):
    found = grade_units(assignment, units, Where(jobs=jobs), pytest.fail)
    return {unit.student: graded for unit, graded in found}


def pids(crew):
    return [pid for worker in crew._workers.values() for pid in worker.executor._processes]


def wait_for_end(pid):
    """Wait until a process that is no child of ours has ended."""
    try:
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    assert select.select([watched], [], [], 60)[0], f"process {pid} lives on"
    os.close(watched)


def test_scores_and_messages_are_the_same_for_any_number_of_workers(assignment, tmp_path):
    units = units_of(assignment, hand_in(tmp_path / "submitted", CLASS))
    found = {jobs: grade(assignment, units, jobs) for jobs in (1, 2, 8)}
    expected = {student: verdicts(graded) for student, graded in found[1].items()}
    assert sorted(expected) == sorted(CLASS)
    assert [expected[student][0] for student in CLASS] == [90, 90, 82.5, 0, 0, 0]
    for jobs in (2, 8):
        assert {student: verdicts(graded) for student, graded in found[jobs].items()} == expected


def test_hw1_has_the_same_scores_with_1_and_8_workers():
    assignment = load_assignment(ROOT, "hw1")
    version = version_of(ingredients(assignment))
    handed = {
        "reference": assignment.solution_dir / "linear_classifiers.py",
        "stub": assignment.stub("linear_classifiers"),
    }
    handed["variant"] = sorted((assignment.solution_dir / "variants").glob("*.py"))[0]
    units = [Unit(version=version, student=name, handed=pack(path, assignment)) for name, path in handed.items()]
    one, eight = grade(assignment, units, 1), grade(assignment, units, 8)
    assert {name: graded.report.score for name, graded in one.items()} == {"reference": 75, "stub": 0, "variant": 75}
    assert {name: verdicts(graded) for name, graded in one.items()} == {
        name: verdicts(graded) for name, graded in eight.items()
    }


def test_a_worker_that_is_killed_loses_only_its_own_submission_which_is_graded_again(assignment, tmp_path):
    units = units_of(assignment, hand_in(tmp_path / "submitted", CLASS | {"bob": ONCE}))
    found = grade(assignment, units, 2)
    assert {student: graded.report.score for student, graded in found.items()} == dict(
        zip(CLASS, [90, 90, 82.5, 0, 0, 0], strict=True)
    )
    assert (tmp_path / "lived").exists()


def test_a_submission_that_always_kills_its_worker_is_reported_and_costs_nobody_else(assignment, tmp_path):
    units = units_of(assignment, hand_in(tmp_path / "submitted", {"ada": ALWAYS, "bob": CLASS["bob"]}))
    found = grade(assignment, units, 2)
    assert found["bob"].report.score == 90
    assert {result.status for result in found["ada"].report.results} == {Status.ERROR}
    assert "failed 3 times, which is no verdict on it: the process that graded it ended" in found["ada"].report.notes[0]


def test_a_worker_that_is_killed_while_it_waits_is_replaced(assignment, tmp_path):
    (unit,) = units_of(assignment, hand_in(tmp_path / "submitted", {"ada": CLASS["ada"]}))
    with pool(assignment, 1, accept_unsandboxed=False) as crew:
        ready = crew.event()
        (pid,) = pids(crew)
        os.kill(pid, signal.SIGKILL)
        wait_for_end(pid)
        crew.give(ready.worker, unit)
        assert crew.event().worker == ready.worker
        crew.give(crew.event().worker, unit)
        assert crew.event().outcome.report.score == 90


def test_when_the_pool_ends_no_process_is_left_and_no_work_is_waited_for(assignment, tmp_path):
    endless = hand_in(tmp_path / "submitted", {"ada": "while True: pass\n"})
    with pool(assignment, 2, accept_unsandboxed=False) as crew:
        ready = crew.event()
        crew.give(ready.worker, units_of(assignment, endless)[0])
        workers = pids(crew)
    assert len(workers) == 2
    for pid in workers:
        wait_for_end(pid)


GRADER = """
import sys
from pathlib import Path
from grader.assignment import load_assignment
from grader.batch.pool import pool

if __name__ == "__main__":
    with pool(load_assignment(Path(sys.argv[1]), "hw1"), 2, accept_unsandboxed=True) as crew:
        crew.event(), crew.event()
        print(*[pid for worker in crew._workers.values() for pid in worker.executor._processes], flush=True)
        sys.stdin.read()
"""


def test_when_the_grader_is_killed_its_workers_end_too(assignment, tmp_path):
    (tmp_path / "main.py").write_text(GRADER)
    command = [sys.executable, str(tmp_path / "main.py"), str(assignment.root)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as grader:
        workers = [int(pid) for pid in grader.stdout.readline().split()]
        grader.kill()
    assert len(workers) == 2
    for pid in workers:
        wait_for_end(pid)


class Deadly:
    """Ends the process that unpickles it."""

    def __reduce__(self):
        return os._exit, (1,)


def test_workers_that_all_end_at_once_are_not_started_for_ever():
    crew = Pool(Deadly(), 1, True)
    with pytest.raises(BatchError, match="Workers end as soon as they are started"):
        list(iter(crew.event, None))
    crew.close()


@pytest.fixture
def at_level_e(monkeypatch):
    launch.close()
    monkeypatch.setenv(launch.VARIABLE, "E")
    yield
    launch.close()


@pytest.mark.parametrize("jobs", [1, 2])
def test_without_isolation_no_worker_grades_unless_that_is_accepted(assignment, tmp_path, at_level_e, jobs):
    units = units_of(assignment, hand_in(tmp_path / "submitted", {"ada": CLASS["ada"]}))
    with pytest.raises(SandboxError) as refused:
        list(grade_units(assignment, units, Where(jobs=jobs), pytest.fail))
    assert str(refused.value) == REFUSED
    accepted = Where(jobs=jobs, accept_unsandboxed=True)
    ((_, graded),) = grade_units(assignment, units, accepted, pytest.fail)
    assert graded.report.score == 90
    assert graded.report.environment == environment(True)
    assert graded.report.environment["isolation"].startswith("UNSANDBOXED")
