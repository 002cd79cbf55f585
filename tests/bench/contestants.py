"""The graders of the table: each with a folder in which the class has handed in, and commands that grade it."""

from __future__ import annotations

import csv
import importlib.util
import json
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from nbgrader.api import Gradebook

from grader.gradebook.rebuild import CHECK
from grader.model import Assignment
from tests.bench import notebooks
from tests.bench.folders import GRADER, NBGRADER, Place, copy_course
from tests.bench.people import Person
from tests.bench.timing import seconds

DATABASE, BEFORE = "gradebook.db", "gradebook.before"
OTTER_CLASS = str(Path(__file__).with_name("otter_class.py"))  # imports Otter, which need not be installed
Earned = dict[str, frozenset[str]]  # by student: the tasks with all their points

OTTER_TEST = """\
OK_FORMAT = False
name = {task!r}
points = {points!r}

from otter.test_files import test_case


@test_case()
def all_checks_pass(env):
    from checks_here import require

    require({task!r}, {module!r}, {seed!r}, env)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """A grader, ready to grade.

    Attributes:
        whole: the command for the whole class, in the folder `inside` of the place.
        one: for its first student alone.
        made: what a run leaves in the folder.
        earned: what the last run of `whole` found.
    """

    name: str
    place: Place
    inside: str
    whole: Sequence[str]
    one: Sequence[str]
    made: Sequence[str]
    earned: Callable[[], Earned]

    def seconds(self, command: Sequence[str]) -> float:
        """Of a run, as if there had been none before."""
        folder = self.place.folder / self.inside
        for path in (folder / name for name in self.made):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        if (folder / BEFORE).exists():
            shutil.copy(folder / BEFORE, folder / DATABASE)
        return seconds(lambda: self.place.run(command, self.inside))


def stock(place: Place, assignment: Assignment, people: Sequence[Person]) -> Contestant:
    """nbgrader without any configuration, and a notebook that carries the checks."""
    folder = place.folder / "stock"
    notebooks.write(notebooks.executable(assignment), folder / "source" / assignment.name)
    notebooks.copy_check_files(assignment, folder / "source" / assignment.name)
    _generate(place, assignment, "stock")
    blank = {m: notebooks.read(folder / "release" / assignment.name / f"{m}.ipynb") for m in assignment.modules}
    for person in people:
        notebooks.write(notebooks.filled(blank, person.sources), folder / "submitted" / person.name / assignment.name)
    return _nbgrader(f"nbgrader {version('nbgrader')}, stock", place, "stock", assignment, people)


def ours(place: Place, assignment: Assignment, people: Sequence[Person]) -> Contestant:
    """nbgrader with the course's configuration."""
    _hand_in(place, assignment, people, "ours")
    _generate(place, assignment, "ours")
    return _nbgrader("nbgrader autograde, ours", place, "ours", assignment, people)


def alone(place: Place, assignment: Assignment, people: Sequence[Person]) -> Contestant:
    """`grader grade`, without nbgrader."""
    _hand_in(place, assignment, people, "alone")
    folder, scores = place.folder / "alone", "scores.csv"
    command = [*GRADER, "grade", assignment.name, "--csv", scores]

    def earned() -> Earned:
        with (folder / scores).open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        full = {task.name: f"{task.points:.6g}" for task in assignment.tasks}
        return {row["student"]: frozenset(name for name in full if row[name] == full[name]) for row in rows}

    return Contestant(
        name="grader grade",
        place=place,
        inside="alone",
        whole=[*command, "submitted"],
        one=[*command, f"submitted/{people[0].name}"],
        made=[scores, "graded"],
        earned=earned,
    )


def otter(place: Place, assignment: Assignment, people: Sequence[Person]) -> Contestant:
    """Otter's local run: each notebook executed in a kernel, without containers."""
    folder, result = place.folder / "otter", "result.json"
    blank = notebooks.executable(assignment)
    (folder / "tests").mkdir(parents=True)
    for task in assignment.tasks:
        module = task.module or assignment.notebook
        text = OTTER_TEST.format(task=task.name, points=task.points, module=module, seed=assignment.seed)
        (folder / "tests" / f"{task.name}.py").write_text(text, encoding="utf-8")
    notebooks.copy_check_files(assignment, folder)
    files = [file.name for file in notebooks.check_files(assignment)]
    place.run([sys.executable, "-m", "otter", "generate", "-t", "tests", "-o", "autograder.zip", *files], "otter")
    for person in people:
        notebooks.write({person.name: notebooks.joined(notebooks.filled(blank, person.sources))}, folder / "submitted")
    command = [sys.executable, OTTER_CLASS, "autograder.zip", result]
    handed = [f"submitted/{person.name}.ipynb" for person in people]

    def earned() -> Earned:
        return {name: frozenset(tasks) for name, tasks in json.loads((folder / result).read_text("utf-8")).items()}

    return Contestant(
        name=f"otter-grader {version('otter-grader')}, local",
        place=place,
        inside="otter",
        whole=[*command, *handed],
        one=[*command, handed[0]],
        made=[result],
        earned=earned,
    )


def has_otter() -> bool:
    return importlib.util.find_spec("otter") is not None


def _hand_in(place: Place, assignment: Assignment, people: Sequence[Person], inside: str) -> None:
    folder = place.folder / inside
    folder.mkdir()
    copy_course(assignment, folder)
    blank = notebooks.released(assignment)
    for person in people:
        notebooks.write(notebooks.filled(blank, person.sources), folder / "submitted" / person.name / assignment.name)


def _generate(place: Place, assignment: Assignment, inside: str) -> None:
    """Release the assignment, and keep the gradebook as it is before anything is graded."""
    place.run([*NBGRADER, "generate_assignment", assignment.name, "--force"], inside)
    shutil.copy(place.folder / inside / DATABASE, place.folder / inside / BEFORE)


def _nbgrader(name: str, place: Place, inside: str, assignment: Assignment, people: Sequence[Person]) -> Contestant:
    command = [*NBGRADER, "autograde", assignment.name]
    database = place.folder / inside / DATABASE

    def earned() -> Earned:
        found: dict[str, set[str]] = {person.name: set() for person in people}
        with Gradebook(f"sqlite:///{database}") as gradebook:
            for submission in gradebook.assignment_submissions(assignment.name):
                for notebook in submission.notebooks:
                    for grade in notebook.grades:
                        if grade.name.startswith(CHECK) and grade.auto_score == grade.max_score:
                            found[submission.student.id].add(grade.name.removeprefix(CHECK))
        return {student: frozenset(tasks) for student, tasks in found.items()}

    return Contestant(
        name=name,
        place=place,
        inside=inside,
        whole=command,
        one=[*command, f"--student={people[0].name}"],
        made=["autograded"],
        earned=earned,
    )
