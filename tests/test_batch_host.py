import io
import zipfile

import pytest

from grader.batch import host
from grader.batch.host import grade_unit, parcel, take_in
from grader.batch.unit import Graded, Trouble
from grader.grade import REFUSED
from grader.sandbox import launch
from grader.version import ingredients
from tests.batch_course import CLASS, deadly_course, hand_in, units_of


@pytest.fixture
def assignment(tmp_path):
    return deadly_course(tmp_path)


@pytest.fixture(autouse=True)
def fresh():
    yield
    host._courses.clear()
    while host._folders:
        host._folders.pop().cleanup()


def test_a_host_grades_with_what_it_was_sent(assignment, tmp_path):
    expected, data = ingredients(assignment), parcel(assignment)
    (tmp_path / "place").mkdir()
    assert take_in(data, "hw1", expected, False, str(tmp_path / "place")) == ""
    (unit,) = units_of(assignment, hand_in(tmp_path / "submitted", {"cem": CLASS["cem"]}))
    assignment.root.rename(tmp_path / "elsewhere")
    graded = grade_unit(unit)
    assert isinstance(graded, Graded)
    assert graded.report.score == 82.5
    assert "This is the squared length" in " ".join(result.hint for result in graded.report.results)


def test_a_course_is_taken_in_once(assignment, tmp_path):
    for _ in range(2):
        assert take_in(parcel(assignment), "hw1", ingredients(assignment), False, str(tmp_path)) == ""
    assert len(list(tmp_path.glob("course-*"))) == 1


def test_a_course_lies_where_only_its_owner_can_read_it(assignment, tmp_path):
    take_in(parcel(assignment), "hw1", ingredients(assignment), False, str(tmp_path))
    (folder,) = tmp_path.glob("course-*")
    assert folder.stat().st_mode & 0o777 == 0o700


def test_what_is_sent_is_what_grading_needs(assignment):
    with zipfile.ZipFile(io.BytesIO(parcel(assignment))) as archive:
        names = set(archive.namelist())
    assert names >= {"solutions/hw1/assignment.toml", "assignments/hw1/test_vectors.py", "solutions/hw1/mutants.toml"}
    assert not [name for name in names if "variants" in name or name.endswith(".ipynb")]


def test_a_host_with_other_versions_refuses_and_says_which(assignment, tmp_path):
    expected = ingredients(assignment) | {"numpy": "1.0"}
    refusal = take_in(parcel(assignment), "hw1", expected, False, str(tmp_path))
    assert refusal.startswith("scores could differ from those of other machines; make them alike: numpy 1.0 here, ")
    assert not list(tmp_path.glob("course-*"))


def test_a_host_that_cannot_keep_submissions_apart_refuses_unless_that_is_accepted(assignment, tmp_path, monkeypatch):
    launch.close()
    monkeypatch.setenv(launch.VARIABLE, "E")
    course = parcel(assignment), "hw1", ingredients(assignment)
    assert take_in(*course, False, str(tmp_path)) == REFUSED
    assert take_in(*course, True, str(tmp_path)) == ""
    launch.close()


def test_a_host_without_the_course_does_not_guess(assignment, tmp_path):
    (unit,) = units_of(assignment, hand_in(tmp_path / "submitted", {"ada": CLASS["ada"]}))
    assert grade_unit(unit) == Trouble(message="the worker had lost the course")
