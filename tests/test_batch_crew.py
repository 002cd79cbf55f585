from collections import deque

import pytest

from grader.assignment import load_assignment
from grader.batch.crew import Finished, Lost, Ready, work
from grader.batch.unit import Graded, Packed, Trouble, Unit
from grader.errors import BatchError
from grader.model import Report
from tests.course import make_course


@pytest.fixture(scope="module")
def assignment(tmp_path_factory):
    return load_assignment(make_course(tmp_path_factory.mktemp("course")), "hw1")


def units(*students):
    return [Unit(version="1", student=student, handed=Packed()) for student in students]


def graded(student):
    return Graded(report=Report(student=student, assignment="hw1", tasks=(), results=()), seconds=1.0)


class Scripted:
    """A crew whose workers do what is written for a student, once for each time that it is tried; else grade it."""

    def __init__(self, workers, script=None):
        self._events = deque(Ready(f"w{number}") for number in range(workers))
        self._script = {student: deque(outcomes) for student, outcomes in (script or {}).items()}
        self.given, self.workers = [], []

    def give(self, worker, unit):
        self.given.append(unit.student)
        self.workers.append(worker)
        outcomes = self._script.get(unit.student)
        match outcomes.popleft() if outcomes else graded(unit.student):
            case "dies":
                self._events += [Lost(worker, "killed"), Ready(f"{worker}'")]
            case outcome:
                self._events.append(Finished(worker, outcome))

    def event(self):
        return self._events.popleft()


def run(assignment, crew, todo):
    return {unit.student: result for unit, result in work(crew, assignment, todo)}


@pytest.mark.parametrize("workers", [1, 2, 8])
def test_every_unit_is_done_once_however_many_workers(assignment, workers):
    crew, names = Scripted(workers), [f"s{number}" for number in range(20)]
    assert run(assignment, crew, units(*names)) == {name: graded(name) for name in names}
    assert sorted(crew.given) == sorted(names)


def test_nothing_to_do_asks_nobody(assignment):
    assert run(assignment, Scripted(0), []) == {}


@pytest.mark.parametrize("outcome", ["dies", Trouble(message="the disk hiccuped")])
def test_a_unit_that_fails_twice_is_done_the_third_time(assignment, outcome):
    crew = Scripted(2, {"bob": [outcome, outcome]})
    assert run(assignment, crew, units("ada", "bob", "cem"))["bob"] == graded("bob")
    assert sorted(crew.given) == ["ada", "bob", "bob", "bob", "cem"]


@pytest.mark.parametrize(("outcome", "said"), [("dies", "killed"), (Trouble(message="no room"), "no room")])
def test_a_unit_that_fails_three_times_is_reported_and_the_rest_is_done(assignment, outcome, said):
    crew = Scripted(2, {"bob": [outcome] * 9})
    found = run(assignment, crew, units("bob", "ada", "cem", "dan"))
    assert {name: found[name] for name in ("ada", "cem", "dan")} == {
        name: graded(name) for name in ("ada", "cem", "dan")
    }
    assert found["bob"].report.open_tasks
    assert said in found["bob"].report.notes[0]
    assert crew.given.count("bob") == 3


def test_a_fault_of_the_course_ends_the_run_and_keeps_what_was_done(assignment):
    crew = Scripted(1, {"bob": [Trouble(message="mutants.toml is wrong", course=True)]})
    found = []
    with pytest.raises(BatchError, match=r"mutants\.toml is wrong"):
        found += (unit.student for unit, _ in work(crew, assignment, units("ada", "bob", "cem")))
    assert crew.given == ["ada", "bob"]


def test_a_worker_that_dies_while_it_waits_gets_nothing(assignment):
    crew = Scripted(2, {"ada": [Trouble(message="again")]})
    crew._events.append(Lost("w1", "killed"))
    assert run(assignment, crew, units("ada")) == {"ada": graded("ada")}
    assert crew.workers == ["w0", "w0"]


def test_units_are_taken_as_workers_become_free(assignment):
    taken = []

    def endless():
        for unit in units(*(f"s{number}" for number in range(1000))):
            taken.append(unit)
            yield unit

    results = work(Scripted(4), assignment, endless())
    for done in range(1, 101):
        next(results)
        assert len(taken) <= done + 4 + 2


def test_the_next_unit_is_given_out_before_a_result_is_kept(assignment):
    crew = Scripted(1)
    results = work(crew, assignment, units("ada", "bob"))
    next(results)
    assert crew.given == ["ada", "bob"]
