"""`nbgrader zip_collect` of what the common platforms give, and of what students made of it."""

from __future__ import annotations

from pathlib import Path

import pytest

import grader.gradebook.collect as collect
from grader.gradebook.collect import NewestAttempt
from tests.gradebook_course import DOUBLE, HALVE, course_in, grades, nbgrader
from tests.zips import link, made, special


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = course_in(tmp_path, monkeypatch)
    assert nbgrader("generate_assignment", "hw1") == 0
    (root / "downloaded/hw1/archive").mkdir(parents=True)
    return root


def download(course: Path, *members: tuple[object, object], name: str = "submissions.zip") -> None:
    (course / "downloaded/hw1/archive" / name).write_bytes(made(*members))


def collected(course: Path) -> dict[str, list[str]]:
    return {
        student.name: sorted(path.name for path in (student / "hw1").iterdir())
        for student in sorted((course / "submitted").iterdir())
    }


@pytest.mark.parametrize(
    ("ada", "bob"),
    [
        ("adalovelace_1_11_tiny.py", "bob_LATE_2_12_tiny-1.py"),
        ("Ada Lovelace_1_assignsubmission_file_/tiny.py", "Bob_2_assignsubmission_file_/tiny.py"),
        ("1-9 - Ada Lovelace - Nov 3, 2026 1105 PM/tiny.py", "2-9 - Bob - Nov 3, 2026 905 AM/tiny.py"),
        ("export/submission_1/tiny.py", "export/submission_2/tiny.py"),
        ("ada/hw1/tiny.py", "bob/hw1/tiny.py"),
    ],
)
def test_the_download_of_a_platform_is_collected_and_graded(course: Path, ada: str, bob: str) -> None:
    download(course, (ada, DOUBLE), (bob, HALVE), ("index.html", "<script>"))
    assert nbgrader("zip_collect", "hw1") == 0
    assert [files[-1] for files in collected(course).values()] == ["tiny.py"] * 2
    assert nbgrader("autograde", "hw1") == 0
    first, second = collected(course)
    assert grades(course, first)["check_double"] == (40, False)
    assert grades(course, second)["check_halve"] == (20, False)


def test_a_students_zip_is_collected_as_it_is_because_grading_opens_it(course: Path) -> None:
    download(course, ("ada_1_11_hw1.zip", made(("hw1/tiny.py", DOUBLE))), ("bob_2_12_tiny.py", HALVE))
    assert nbgrader("zip_collect", "hw1") == 0
    assert collected(course) == {"ada": ["hw1.zip"], "bob": ["tiny.py"]}


def test_zips_of_single_students_are_named_by_themselves(course: Path) -> None:
    download(course, ("hw1/tiny.py", DOUBLE), ("__MACOSX/hw1/._tiny.py", ""), name="ada.zip")
    download(course, ("tiny.py", HALVE), name="bob.zip")
    assert nbgrader("zip_collect", "hw1") == 0
    assert collected(course) == {"ada": ["tiny.py"], "bob": ["tiny.py"]}


@pytest.mark.parametrize(
    "bad",
    [
        ("../../../../submitted/bob/hw1/tiny.py", DOUBLE),
        ("eve_9_9_../../bob/hw1/tiny.py", DOUBLE),
        ("/tmp/eve_9_9_tiny.py", DOUBLE),
        ("eve_9_9_..\\..\\tiny.py", DOUBLE),
        link("eve_9_9_tiny.py", "../../../solutions/hw1/tiny.py"),
        (special("eve_9_9_tiny.py", 0o010644), ""),
        ("eve_9_9_tiny.py", "#" * 30_000_000),
        ("eve_9_9_hw1.zip", "no zip"),
    ],
)
def test_one_bad_file_in_a_download_is_left_out_and_nothing_is_written_elsewhere(
    course: Path, capfd: pytest.CaptureFixture[str], bad: tuple[object, object]
) -> None:
    before = {path for path in course.rglob("*") if "downloaded" not in path.parts}
    download(course, ("ada_1_11_tiny.py", DOUBLE), bad, ("bob_2_12_tiny.py", HALVE))
    assert nbgrader("zip_collect", "hw1") == 0
    new = {path.relative_to(course) for path in course.rglob("*") if "downloaded" not in path.parts} - {
        path.relative_to(course) for path in before
    }
    assert {path.parts[:2] for path in new if len(path.parts) > 1} <= {
        ("submitted", name) for name in ("ada", "bob", "eve")
    }
    assert (course / "submitted/bob/hw1/tiny.py").read_text() == HALVE
    assert not any(path.is_symlink() for path in course.rglob("*"))
    if collected(course).get("eve") != ["hw1.zip"]:
        assert "Left out: submissions.zip is refused" in capfd.readouterr().err
        assert "eve" not in collected(course)
    assert nbgrader("autograde", "hw1") == 0
    assert grades(course, "ada")["check_double"] == (40, False)


def test_an_archive_that_cannot_be_read_stops_no_other(course: Path, capfd: pytest.CaptureFixture[str]) -> None:
    download(course, ("tiny.py", DOUBLE), name="ada.zip")
    (course / "downloaded/hw1/archive/broken.zip").write_bytes(b"PK")
    (course / "downloaded/hw1/archive/pipe.py").symlink_to("/dev/zero")
    assert nbgrader("zip_collect", "hw1") == 0
    assert "broken.zip is no zip that can be read" in capfd.readouterr().err
    assert collected(course) == {"ada": ["tiny.py"]}


def test_two_files_of_one_name_in_a_students_folders_stop_nobody_else(
    course: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    eve = "Eve_9_assignsubmission_file_/{}/tiny.py"
    download(
        course, (eve.format("a"), DOUBLE), (eve.format("b"), HALVE), ("Bob_2_assignsubmission_file_/tiny.py", HALVE)
    )
    assert nbgrader("zip_collect", "hw1") == 0
    assert "The submission of Eve holds work in several folders" in capfd.readouterr().err
    assert collected(course) == {"Bob": ["tiny.py"]}


def test_of_several_attempts_the_last_is_collected_and_said(course: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = "1-9 - Ada - Nov {}, 2026 1105 PM/{}"
    download(course, (folder.format(3, "tiny.ipynb"), "{}"), (folder.format(4, "tiny.py"), DOUBLE))
    assert nbgrader("zip_collect", "hw1") == 0
    assert collected(course) == {"Ada": ["timestamp.txt", "tiny.py"]}
    assert (course / "submitted/Ada/hw1/timestamp.txt").read_text() == "2026-11-04 23:05:00"
    assert "Ada handed in 2 times: the last one counts" in capfd.readouterr().err


def test_gradescopes_names_are_used(course: Path) -> None:
    metadata = "submission_7:\n  :submitters:\n  - :name: Ada <b>\n"
    download(course, ("x/submission_metadata.yml", metadata), ("x/submission_7/tiny.py", DOUBLE))
    assert nbgrader("zip_collect", "hw1") == 0
    assert collected(course) == {"Ada _b_": ["tiny.py"]}


@pytest.mark.parametrize("name", ["-rf_1_2_tiny.py", "<img src=x onerror=alert(1)>_1_2_tiny.py", "\x1b[2J_1_2_tiny.py"])
def test_a_student_of_any_name_gets_a_folder_that_can_be_shown(course: Path, name: str) -> None:
    download(course, (name, DOUBLE), ("bob_2_3_tiny.py", HALVE))
    assert nbgrader("zip_collect", "hw1") == 0
    for path in (course / "submitted").iterdir():
        assert path.name[0].isalnum() or path.name[0] == "_"
        assert not set("<>&\"'`\x1b\n/\\") & set(path.name)


def test_the_whole_collection_is_bounded(course: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collect, "TOTAL_BYTES", len(DOUBLE) + 3)
    download(course, ("ada_1_2_tiny.py", DOUBLE), ("bob_2_3_tiny.py", DOUBLE))
    assert nbgrader("zip_collect", "hw1") == 0
    assert collected(course) == {"ada": ["tiny.py"]}


def test_another_scheme_is_a_regular_expression(course: Path) -> None:
    config = course / "nbgrader_config.py"
    scheme = r".*/(?P<student_id>[^/-]+)-(?P<timestamp>\d{4}\.\d\d\.\d\d)-(?P<file_id>[^/]+)"
    config.write_text(f"{config.read_text()}c.FileNameCollectorPlugin.named_regexp = {scheme!r}\n")
    download(
        course, ("ada-2026.01.02-tiny.py", DOUBLE), ("ada-2026.01.01-other.py", HALVE), ("<b>-2026.01.01-x.py", "x")
    )
    assert nbgrader("zip_collect", "hw1") == 0
    assert collected(course) == {"_b_": ["timestamp.txt", "x.py"], "ada": ["timestamp.txt", "tiny.py"]}


def test_a_time_that_nbgrader_cannot_read_is_not_passed_on() -> None:
    assert [collect._time(when) for when in ("", "Marvember", "9999999999999", "2026-11-03 23:05")] == [
        *("", "", ""),
        "2026-11-03 23:05",
    ]


def test_without_times_in_the_names_every_file_is_collected() -> None:
    collector = NewestAttempt(named_regexp=r".*/(?P<student_id>\w+)-(?P<file_id>\w+)", valid_ext=[".py"])
    assert collector.collect("/x/ada-tiny.py") == {"student_id": "ada", "file_id": "tiny"}
    assert collector.collect("/x/notes.pdf") is None
