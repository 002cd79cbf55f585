"""Submissions on their way: nbgrader's exchange and downloads of a learning platform."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from grader.gradebook.collect import NewestAttempt
from tests.gradebook_course import DOUBLE, HALVE, answered, course_in, grades, hand_in, nbgrader


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return course_in(tmp_path, monkeypatch)


@pytest.fixture
def released(course: Path) -> Path:
    assert nbgrader("generate_assignment", "hw1") == 0
    return course


def test_the_newest_attempt_of_a_download_is_collected_whole(released: Path) -> None:
    archive = released / "downloaded/hw1/archive"
    archive.mkdir(parents=True)
    (archive / "hw1_ada_attempt_2026-01-30-15-00-00_tiny.py").write_text(HALVE)
    (archive / "hw1_ada_attempt_2026-01-31-15-00-00_tiny.ipynb").write_text(answered(released, double=DOUBLE))
    (archive / "hw1_bob_attempt_2026-01-30-16-00-00_tiny.py").write_text(DOUBLE)
    (archive / "readme.pdf").write_text("")
    assert nbgrader("zip_collect", "hw1") == 0
    assert sorted(path.name for path in (released / "submitted/ada/hw1").iterdir()) == ["timestamp.txt", "tiny.ipynb"]
    assert (released / "submitted/ada/hw1/timestamp.txt").read_text() == "2026-01-31 15:00:00"
    assert sorted(path.name for path in (released / "submitted/bob/hw1").iterdir()) == ["timestamp.txt", "tiny.py"]
    assert nbgrader("autograde", "hw1") == 0
    assert grades(released, "ada")["check_double"] == (40, False)
    assert grades(released, "bob")["check_double"] == (40, False)


@pytest.fixture
def desk(released: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A student's folder, with the exchange named as an instructor and as a student would."""
    monkeypatch.setenv("GRADER_EXCHANGE", str(tmp_path / "exchange"))
    (tmp_path / "desk").mkdir()
    return tmp_path / "desk"


def as_student(desk: Path, command: str, *arguments: str) -> int:
    """Run it in the student's folder, where there is no nbgrader_config.py."""
    here = Path.cwd()
    exchange = desk.parent / "exchange"
    options = (f"--Exchange.root={exchange}", f"--Exchange.cache={desk / 'cache'}", "--course", "tiny")
    os.chdir(desk)
    try:
        return nbgrader(command, *arguments, *options)
    finally:
        os.chdir(here)


def test_an_assignment_goes_out_and_comes_back_through_the_exchange(
    released: Path, desk: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert nbgrader("release_assignment", "hw1") == 0
    assert as_student(desk, "list") == 0
    assert "tiny hw1" in capfd.readouterr().err
    assert as_student(desk, "fetch_assignment", "hw1") == 0
    assert sorted(path.name for path in (desk / "hw1").iterdir()) == ["README.md", "test_tiny.py", "tiny.ipynb"]

    (desk / "hw1/tiny.ipynb").unlink()
    (desk / "hw1/tiny.py").write_text(HALVE)
    assert as_student(desk, "submit", "hw1", "--student", "ada") == 0
    assert nbgrader("collect", "hw1") == 0
    assert (released / "submitted/ada/hw1/tiny.py").read_text() == HALVE
    assert nbgrader("autograde", "hw1") == 0
    assert grades(released, "ada")["check_halve"] == (20, False)
    assert grades(released, "ada")["check_double"] == (0, False)

    (desk / "hw1/tiny.py").write_text(f"{HALVE}\n\n\n{DOUBLE}")
    assert as_student(desk, "submit", "hw1", "--student", "ada") == 0
    assert nbgrader("collect", "hw1") == 0
    assert (released / "submitted/ada/hw1/tiny.py").read_text() == HALVE, "collect alone keeps what it has"
    assert nbgrader("collect", "hw1", "--update") == 0
    assert nbgrader("autograde", "hw1") == 0
    assert grades(released, "ada")["check_double"] == (40, False)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # nbgrader leaves a file open
def test_feedback_goes_back_even_if_some_work_came_by_another_way(released: Path, desk: Path) -> None:
    assert nbgrader("release_assignment", "hw1") == 0
    assert as_student(desk, "fetch_assignment", "hw1") == 0
    assert as_student(desk, "submit", "hw1", "--student", "zoe") == 0
    assert nbgrader("collect", "hw1") == 0
    hand_in(released, "ada", tiny__py=DOUBLE)  # no timestamp, no secret
    assert nbgrader("autograde", "hw1") == 0
    assert nbgrader("generate_feedback", "hw1") == 0
    assert nbgrader("release_feedback", "hw1") == 0
    assert as_student(desk, "fetch_feedback", "hw1", "--student", "zoe") == 0
    [page] = (desk / "hw1/feedback").rglob("tiny.html")
    assert "0 of 60 automatic points" in page.read_text()


@pytest.mark.parametrize(
    ("name", "student", "file"),
    [
        ("/x/hw1_ada_attempt_2026-01-30-15-00-00_tiny.py", "ada", "tiny.py"),
        ("/a_b/hw1_ada_l_attempt_2026-01-30-15-00-00_my_tiny.ipynb", "ada_l", "my_tiny.ipynb"),
        ("hw1_ada_attempt_2026-01-30-15-00-00_tiny.py", "ada", "tiny.py"),
    ],
)
def test_the_name_of_a_downloaded_file_says_whose_it_is(name: str, student: str, file: str) -> None:
    collector = NewestAttempt()
    collector.valid_ext = [".py", ".ipynb"]
    found = collector.collect(name)
    assert found is not None
    assert (found["student_id"], found["file_id"]) == (student, file)
    assert collector.collect("/x/notes.pdf") is None


def test_without_times_in_the_names_every_file_is_collected() -> None:
    collector = NewestAttempt(named_regexp=r".*/(?P<student_id>\w+)-(?P<file_id>\w+)", valid_ext=[".py"])
    assert collector.collect("/x/ada-tiny.py") == {"student_id": "ada", "file_id": "tiny"}
