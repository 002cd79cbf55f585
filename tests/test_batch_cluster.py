"""With a real scheduler and real workers, each a process of its own, on loopback."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading

import pytest

from grader.assignment import load_assignment
from grader.batch import cluster as module
from grader.batch.cluster import Cluster
from grader.batch.crew import Finished, Ready
from grader.batch.engine import Where, grade_units
from grader.batch.unit import Trouble
from grader.errors import BatchError
from grader.model import Status
from grader.sandbox import launch
from tests.batch_course import ALWAYS, CLASS, ONCE, deadly_course, hand_in, units_of, verdicts

Client = pytest.importorskip("distributed", reason="the extra 'cluster' is not installed").Client
SAID = re.compile(r"Scheduler at: +(tcp://\S+)")


class Processes:
    """A scheduler and workers, to be killed at will."""

    def __init__(self, folder):
        self._folder, self._running = folder, []
        scheduler = self._start("scheduler", "--port", "0", stderr=subprocess.PIPE)
        self.address = next(found[1] for line in scheduler.stderr if (found := SAID.search(line)))
        threading.Thread(target=scheduler.stderr.read, daemon=True).start()
        self.scheduler = scheduler

    def worker(self, *more, nanny=False, **environment):
        kind = "--nanny" if nanny else "--no-nanny"
        options = ["--nthreads", "1", "--local-directory", str(self._folder), kind, *more]
        return self._start("worker", self.address, *options, stderr=subprocess.DEVNULL, **environment)

    def _start(self, what, *arguments, stderr, **environment):
        command = [
            sys.executable,
            "-m",
            "distributed.cli.dask_" + what,
            *arguments,
            "--host",
            "127.0.0.1",
            "--no-dashboard",
        ]
        options = {"stderr": stderr, "text": True, "env": os.environ | environment, "start_new_session": True}
        self._running.append(subprocess.Popen(command, **options))
        return self._running[-1]

    def end(self):
        for process in self._running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # with what a nanny has started
            process.wait()
            if process.stderr:
                process.stderr.close()


@pytest.fixture
def processes(tmp_path):
    started = Processes(tmp_path / "dask")
    yield started
    started.end()


@pytest.fixture
def assignment(tmp_path):
    return deadly_course(tmp_path)


def grade(assignment, units, address, say=pytest.fail, **more):
    found = grade_units(assignment, units, Where(scheduler=address, **more), say)
    return {unit.student: graded for unit, graded in found}


def test_a_cluster_gives_the_scores_and_messages_of_one_machine(assignment, tmp_path, processes):
    units = units_of(assignment, hand_in(tmp_path / "submitted", CLASS))
    here = {unit.student: verdicts(graded) for unit, graded in grade_units(assignment, units, Where(), pytest.fail)}
    said = []
    for _ in range(2):
        processes.worker()
    there = grade(assignment, units, processes.address, said.append)
    assert {student: verdicts(graded) for student, graded in there.items()} == here
    assert set(said) <= {f"{processes.address} has no worker that may grade: waiting for one"}


def test_the_work_of_a_worker_that_dies_is_done_elsewhere(assignment, tmp_path, processes):
    processes.worker()
    processes.worker()
    units = units_of(assignment, hand_in(tmp_path / "submitted", CLASS | {"bob": ONCE}))
    found = grade(assignment, units, processes.address, print)
    assert [found[student].report.score for student in CLASS] == [90, 90, 82.5, 0, 0, 0]
    assert (tmp_path / "lived").exists()


def test_when_the_last_worker_dies_another_is_waited_for(assignment, tmp_path, processes):
    only = processes.worker()
    units = units_of(assignment, hand_in(tmp_path / "submitted", {"ada": CLASS["ada"], "bob": CLASS["bob"]}))
    with Client(processes.address, set_as_default=False) as client:
        client.wait_for_workers(1)
    said = []

    def say(text):
        said.append(text)
        processes.worker()

    found = {}
    for unit, graded in grade_units(assignment, units, Where(scheduler=processes.address), say):
        found[unit.student] = graded.report.score
        only.kill()
    assert found == {"ada": 90, "bob": 90}
    assert said == [f"{processes.address} has no worker that may grade: waiting for one"]


def test_a_submission_that_kills_three_workers_is_reported_and_costs_nobody_else(assignment, tmp_path, processes):
    processes.worker(nanny=True)  # which starts another, again and again
    units = units_of(assignment, hand_in(tmp_path / "submitted", {"ada": ALWAYS, "bob": CLASS["bob"]}))
    found = grade(assignment, units, processes.address, print)
    assert found["bob"].report.score == 90
    assert {result.status for result in found["ada"].report.results} == {Status.ERROR}
    assert (
        "failed 3 times, which is no verdict on it: the worker that graded it is gone" in found["ada"].report.notes[0]
    )


def test_a_worker_that_comes_late_takes_part(assignment, tmp_path, processes):
    units = units_of(assignment, hand_in(tmp_path / "submitted", {"ada": CLASS["ada"]}))
    said = []

    def say(text):
        said.append(text)
        processes.worker()

    assert grade(assignment, units, processes.address, say)["ada"].report.score == 90
    assert said == [f"{processes.address} has no worker that may grade: waiting for one"]


def test_where_no_host_may_grade_each_is_named_with_the_reason(assignment, tmp_path, processes):
    units = units_of(assignment, hand_in(tmp_path / "submitted", {"ada": CLASS["ada"]}))
    processes.worker(**{launch.VARIABLE: "E"})
    said = []
    with pytest.raises(BatchError) as nobody:
        grade(assignment, units, processes.address, said.append)
    reason = "This machine cannot keep submissions apart (level E)"
    assert f"No worker of {processes.address} may grade:\n{reason}" in str(nobody.value)
    assert f"does not take part: {reason}" in said[-1]


def test_the_work_of_a_host_that_may_not_grade_goes_elsewhere(assignment, tmp_path, processes):
    units = units_of(assignment, hand_in(tmp_path / "submitted", CLASS))
    processes.worker(**{launch.VARIABLE: "E"})
    processes.worker()
    with Client(processes.address, set_as_default=False) as client:
        client.wait_for_workers(2)
    found = grade(assignment, units, processes.address, print)
    assert [found[student].report.score for student in CLASS] == [90, 90, 82.5, 0, 0, 0]
    assert not [graded for graded in found.values() if "UNSANDBOXED" in graded.report.environment["isolation"]]


def test_an_assignment_that_takes_a_gpu_is_graded_by_workers_that_offer_one(assignment, tmp_path, processes):
    """As a resource: whether there is one, only the checks will see."""
    course = tmp_path / "course/solutions/hw1/assignment.toml"
    course.write_text(f"gpu = true\n{course.read_text()}")
    assignment = load_assignment(tmp_path / "course", "hw1")
    units = units_of(assignment, hand_in(tmp_path / "submitted", {"ada": CLASS["ada"]}))
    processes.worker()
    with pytest.raises(BatchError, match="hw1 takes a GPU; a worker that has one says so: --resources GPU=1"):
        grade(assignment, units, processes.address, print)
    processes.worker("--resources", "GPU=1")
    with Client(processes.address, set_as_default=False) as client:
        client.wait_for_workers(2)
    assert grade(assignment, units, processes.address, print)["ada"].report.score == 90


def test_level_e_is_accepted_when_that_is_said(assignment, tmp_path, processes):
    units = units_of(assignment, hand_in(tmp_path / "submitted", {"ada": CLASS["ada"]}))
    processes.worker(**{launch.VARIABLE: "E"})
    found = grade(assignment, units, processes.address, print, accept_unsandboxed=True)
    assert found["ada"].report.score == 90
    assert found["ada"].report.environment["isolation"].startswith("UNSANDBOXED")


def test_when_the_scheduler_dies_that_is_said_and_what_was_graded_stays(assignment, tmp_path, processes):
    units = units_of(assignment, hand_in(tmp_path / "submitted", CLASS))
    processes.worker()
    results = grade_units(assignment, units, Where(scheduler=processes.address), print)
    next(results)
    processes.scheduler.kill()
    with pytest.raises(BatchError, match=r"The scheduler tcp://.* is gone.*the same command again to go on"):
        list(results)


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nonsense://", "127.0.0.1:1"])
def test_where_no_scheduler_answers_that_is_said(assignment, address, monkeypatch):
    monkeypatch.setattr(module, "CONNECT_SECONDS", 0.5)
    with pytest.raises(BatchError, match=f"No Dask scheduler answers at {address}.*dask scheduler"):
        grade(assignment, [], address)


def test_without_the_library_the_extra_is_named(assignment, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(BatchError, match=r"pip install 'grader\[cluster\]'"):
        grade(assignment, [], "tcp://127.0.0.1:1")


class Task:
    """A future of Dask's, as far as it is asked."""

    def __init__(self, outcome, status="finished"):
        self.outcome, self.status = outcome, status

    def add_done_callback(self, tell):
        tell(self)

    def result(self, timeout):
        outcome = self.outcome.pop(0) if isinstance(self.outcome, list) else self.outcome
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


class Faulty:
    """A client of Dask's with one worker, whose tasks end in these ways."""

    status = "running"

    def __init__(self, *tasks):
        self._tasks = list(tasks)

    def subscribe_topic(self, topic, handler):
        pass

    def nthreads(self):
        return {"w": 1}

    def submit(self, *arguments, **options):
        return self._tasks.pop(0)


def faulty(assignment, *tasks):
    return Cluster(Faulty(*tasks), "tcp://x:1", assignment, False, print)


@pytest.mark.parametrize("status", ["cancelled", "lost"])
def test_a_connection_that_was_lost_and_is_there_again_ends_the_run(assignment, status):
    """The scheduler that is there now knows nothing of our work."""
    with pytest.raises(BatchError, match="The scheduler tcp://x:1 is gone"):
        faulty(assignment, Task("", status)).event()


def test_a_result_that_does_not_come_is_asked_for_again(assignment):
    crew = faulty(assignment, Task([TimeoutError(), ""]))
    assert crew.event() == Ready("w")


def test_an_error_of_dasks_is_a_failure_of_ours(assignment):
    crew = faulty(assignment, Task(""), Task(OSError("[red]\x07")))
    assert crew.event() == Ready("w")
    crew.give("w", None)
    assert crew.event() == Finished("w", Trouble(message="OSError: [red]\N{REPLACEMENT CHARACTER}"))


def test_a_worker_without_our_package_does_not_take_part(assignment):
    with pytest.raises(BatchError, match="may grade:\nModuleNotFoundError: No module named 'grader'"):
        faulty(assignment, Task(ModuleNotFoundError("No module named 'grader'"))).event()
