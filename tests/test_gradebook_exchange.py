"""Submissions on their way: nbgrader's exchange and downloads of a learning platform."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

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


# What students may put into the exchange, to which they all may write


def inbound(desk: Path, name: str, **files: str) -> Path:
    folder = desk.parent / "exchange/tiny/inbound" / name
    folder.mkdir(parents=True)
    for file, text in files.items():
        (folder / file.replace("__", ".")).write_text(text)
    return folder


@pytest.fixture
def opened(released: Path, desk: Path) -> Path:
    assert nbgrader("release_assignment", "hw1") == 0
    inbound(desk, "bob+hw1+2026-01-01 10:00:00 UTC+x", tiny__py=HALVE)
    return desk


def test_a_link_to_the_solution_is_not_followed_when_it_is_collected(released: Path, opened: Path) -> None:
    folder = inbound(opened, "eve+hw1+2026-01-01 10:00:00 UTC+x")
    (folder / "tiny.py").symlink_to(released / "solutions/hw1/tiny.py")
    os.mkfifo(folder / "pipe.py")
    linked = opened.parent / "exchange/tiny/inbound/mal+hw1+2026-01-01 10:00:00 UTC+x"
    linked.symlink_to(released / "solutions/hw1")
    assert nbgrader("collect", "hw1") == 0
    assert nbgrader("autograde", "hw1") == 0
    assert list((released / "submitted/eve/hw1").iterdir()) == []
    assert grades(released, "eve")["check_double"] == (0, False)
    assert grades(released, "mal")["check_double"] == (0, False)
    assert grades(released, "bob")["check_halve"] == (20, False)
    assert not [path for path in (released / "autograded").rglob("tiny.py") if "bob" not in path.parts]


@pytest.mark.parametrize(
    "name",
    [
        "eve+hw1+not a time+x",
        "eve+hw1+99999-99-99 10:00:00 UTC+x",
        "<img src=x onerror=alert(1)>+hw1+2026-01-01 10:00:00 UTC+x",
        "--force+hw1+2026-01-01 10:00:00 UTC+x",
        "a\nb+hw1+2026-01-01 10:00:00 UTC+x",
    ],
)
def test_a_folder_of_any_name_stops_nobody_elses_collection(
    released: Path, opened: Path, name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    inbound(opened, name, tiny__py=HALVE)
    assert nbgrader("collect", "hw1") == 0
    assert "its name is not one that `nbgrader submit` gives" in capfd.readouterr().err
    assert [path.name for path in (released / "submitted").iterdir()] == ["bob"]
    assert nbgrader("autograde", "hw1") == 0
    assert grades(released, "bob")["check_halve"] == (20, False)


def test_nobody_hands_in_for_another_who_did(
    released: Path, opened: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    inbound(opened, "bob+hw1+2027-01-01 10:00:00 UTC+x", tiny__py="# by eve")
    inbound(opened, "cem+hw1+2027-01-01 10:00:00 UTC+x", tiny__py="# by an assistant")

    def owner(path: Path) -> str:
        return "bob" if "2026" in path.name else "eve"

    monkeypatch.setattr(Path, "owner", owner)
    assert nbgrader("collect", "hw1") == 0
    assert "because somebody else made it: bob+hw1+2027" in capfd.readouterr().err
    assert (released / "submitted/bob/hw1/tiny.py").read_text() == HALVE
    assert (released / "submitted/cem/hw1/tiny.py").read_text() == "# by an assistant", "nbgrader warns of it"


def test_a_folder_whose_owner_is_unknown_is_collected(
    released: Path, opened: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def owner(path: Path) -> str:
        raise KeyError(12345)

    monkeypatch.setattr(Path, "owner", owner)
    assert nbgrader("collect", "hw1") == 0
    assert (released / "submitted/bob/hw1/tiny.py").read_text() == HALVE


def test_a_forged_time_is_set_aside_when_it_is_collected(released: Path, opened: Path) -> None:
    """nbgrader's `collect --update` and formgrader would stop at it, for the whole class."""
    inbound(opened, "eve+hw1+2026-01-01 10:00:00 UTC+x", tiny__py=HALVE, timestamp__txt="yesterday")
    assert nbgrader("collect", "hw1") == 0
    inbound(opened, "eve+hw1+2026-01-02 10:00:00 UTC+x", tiny__py=DOUBLE, timestamp__txt="2026-01-02 10:00:00 UTC")
    assert nbgrader("collect", "hw1", "--update") == 0
    assert (released / "submitted/eve/hw1/tiny.py").read_text() == DOUBLE


def test_more_than_a_submission_may_hold_is_not_collected(
    released: Path, opened: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("grader.gradebook.exchange.FOLDER_BYTES", 100)
    inbound(opened, "eve+hw1+2026-01-01 10:00:00 UTC+x", a__py="x" * 60, b__py="x" * 60)
    assert nbgrader("collect", "hw1") == 0
    assert "b.py is larger than 0.04 kB" in capfd.readouterr().err
    assert [path.name for path in (released / "submitted/eve/hw1").iterdir()] == ["a.py"]
