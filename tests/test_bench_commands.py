"""The commands that are measured, on a tiny class: they do what the table says that they do."""

import sys

import pytest

from grader.assignment import load_assignment
from grader.build import build
from tests.bench import contestants, scale, startup
from tests.bench.folders import CommandFailed, temporary
from tests.bench.people import a_class
from tests.course import make_course, write

CONFIG = """\
from pathlib import Path
from grader.gradebook import configure
c = get_config()
configure(c, Path(__file__).parent)
"""
EARNED = {"student-0001": {"norm", "vectors"}, "student-0004": {"vectors"}}  # the reference, and a mistake in norm

pytestmark = pytest.mark.xdist_group("bench")


@pytest.fixture(scope="module")
def place():
    with temporary() as place:
        yield place


@pytest.fixture(scope="module")
def assignment(tmp_path_factory):
    root = make_course(tmp_path_factory.mktemp("course"))
    write(root / "nbgrader_config.py", CONFIG)
    build(root, ["hw1"])
    return load_assignment(root, "hw1")


@pytest.mark.parametrize("name", ["stock", "otter", "ours", "alone"])
def test_every_grader_gives_each_of_the_class_the_same_tasks(place, assignment, name):
    if name == "otter" and not contestants.has_otter():
        pytest.skip("otter-grader is not installed")
    grader = getattr(contestants, name)(place, assignment, a_class(assignment, 4)[::3])
    assert grader.seconds(grader.whole) > 0
    assert {student: set(tasks) for student, tasks in grader.earned().items()} == EARNED


def test_start_up_ends_at_the_first_submission_and_is_told_by_library(place, assignment):
    folder = "ours" if (place.folder / "ours").exists() else "started"
    if folder == "started":
        contestants._hand_in(place, assignment, a_class(assignment, 1), folder)
        contestants._generate(place, assignment, folder)
    arguments = [startup.FIRST, "autograde", "hw1"]
    before = set((place.folder / folder).iterdir())
    assert place.run([sys.executable, *arguments], folder).splitlines()[-1] == "the first submission would begin here"
    assert set((place.folder / folder).iterdir()) == before
    found = startup.imports(place, arguments, folder)
    assert {"nbgrader", "grader", "sqlalchemy"} < {*found}
    assert all(seconds >= 0 for seconds in found.values())


def test_a_command_that_fails_says_its_last_lines(place):
    with pytest.raises(CommandFailed, match=r"ended with status 3\nnot today"):
        place.run([sys.executable, "-c", "print('not today'); raise SystemExit(3)"])


def test_scale_prints_seconds_memory_and_the_gain_of_a_second_core(assignment, capsys):
    scale.measure(assignment, [1, 2, 3], 1)
    out = capsys.readouterr().out
    for size in (1, 2, 3):
        assert f"hw1, a class of {size}, " in out
    assert out.count("MiB at the peak") == 5
    assert "each further submission, from 2 to 3" in out
    assert "a class of 2, 1 core " in out
