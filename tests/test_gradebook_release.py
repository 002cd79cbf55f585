"""`nbgrader generate_assignment` on a tiny course."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.assignment import load_assignment
from grader.nbsource import source_notebook
from tests.gradebook_course import DOUBLE, EXPERIMENTS, answered, course_in, hand_in, nbgrader


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return course_in(tmp_path, monkeypatch)


@pytest.fixture
def released(course: Path) -> Path:
    assert nbgrader("generate_assignment", "hw1") == 0
    return course


def test_a_release_holds_notebook_handout_and_public_checks_only(released: Path) -> None:
    release = released / "release/hw1"
    assert sorted(path.name for path in release.rglob("*")) == ["README.md", "test_tiny.py", "tiny.ipynb"]
    assert not any("the reference" in path.read_text() for path in release.iterdir())


def test_a_release_is_made_again_over_a_committed_one_and_fills_an_empty_gradebook(released: Path) -> None:
    before = (released / "release/hw1/tiny.ipynb").read_bytes()
    (released / "gradebook.db").unlink()
    assert nbgrader("generate_assignment", "hw1") == 0
    assert (released / "release/hw1/tiny.ipynb").read_bytes() == before
    hand_in(released, "ada", tiny__ipynb=answered(released, double=DOUBLE))
    assert nbgrader("autograde", "hw1") == 0


def test_a_release_that_cannot_be_made_fails_and_stays_as_it_was(released: Path) -> None:
    before = (released / "release/hw1/tiny.ipynb").read_bytes()
    hand_in(released, "ada", tiny__py=DOUBLE)
    assert nbgrader("autograde", "hw1") == 0
    sources = released / "solutions/hw1"
    (sources / "experiments.py").write_text(EXPERIMENTS.replace("plot_it", "plot_that"))
    assignment = load_assignment(released, "hw1")
    (sources / "tiny.ipynb").write_text(source_notebook(assignment, "tiny"))
    assert nbgrader("generate_assignment", "hw1") == 1
    assert (released / "release/hw1/tiny.ipynb").read_bytes() == before


def test_a_release_without_its_notebook_says_how_to_make_it(course: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (course / "solutions/hw1/tiny.ipynb").unlink()
    assert nbgrader("generate_assignment", "hw1") == 1
    assert "grader build hw1" in capfd.readouterr().err


def test_an_unknown_assignment_is_named_in_the_error(course: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert nbgrader("generate_assignment", "hw7") == 1
    assert "hw7" in capfd.readouterr().err


def test_a_source_notebook_out_of_step_with_its_module_is_refused(
    course: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (course / "solutions/hw1/experiments.py").write_text(EXPERIMENTS.replace("experiment()", "experiment(2)"))
    assert nbgrader("generate_assignment", "hw1") == 1
    assert "out of step with tiny.py; make it: grader build hw1" in capfd.readouterr().err


def test_a_handout_that_is_missing_fails(course: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (course / "assignments/hw1/README.md").unlink()
    assert nbgrader("generate_assignment", "hw1") == 1
    assert "assignments/hw1/README.md is missing" in capfd.readouterr().err
    assert (course / "release/hw1/tiny.ipynb").exists()


def test_no_file_of_the_solutions_would_travel_with_nbgraders_own_converter(released: Path) -> None:
    from nbgrader.utils import find_all_files
    from traitlets.config import Config

    from grader.gradebook import configure

    c = Config()
    configure(c, released)
    for folder in ("solutions/./hw1", "solutions/hw1"):
        assert find_all_files(f"{released}/{folder}", c.CourseDirectory.ignore) == []
    handed_in = hand_in(released, "ada", tiny__py=DOUBLE)
    assert find_all_files(str(handed_in), c.CourseDirectory.ignore) == [f"{handed_in}/tiny.py"]


def test_the_version_of_a_new_database_is_nbgraders_own(released: Path) -> None:
    import sqlite3

    with sqlite3.connect(released / "gradebook.db") as database:
        [(version,)] = database.execute("SELECT version_num FROM alembic_version").fetchall()
    folder = Path(__import__("nbgrader").__file__).parent / "alembic/versions"
    assert any(version in path.read_text() for path in folder.glob("*.py"))


def test_nbgraders_own_converters_stay_as_they_were(released: Path) -> None:
    import nbgrader.converters

    assert nbgrader.converters.GenerateAssignment.__module__ == "nbgrader.converters.generate_assignment"
    assert nbgrader.converters.Autograde.__module__ == "nbgrader.converters.autograde"
