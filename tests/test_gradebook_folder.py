from __future__ import annotations

import datetime
import os
from pathlib import Path

import pytest

import grader.gradebook.folder as folder_module
from grader.gradebook.folder import copy_kept, fingerprint, read_timestamp, usable_id
from grader.model import Assignment

ASSIGNMENT = Assignment(name="hw1", title="One", root=Path("/nowhere"), modules=("linear",), tasks=(), manual=())


def test_the_time_of_a_submission_is_read_in_utc(tmp_path: Path) -> None:
    (tmp_path / "timestamp.txt").write_text("2026-02-03 11:00:00.5 UTC\n")
    assert read_timestamp(tmp_path) == (datetime.datetime(2026, 2, 3, 11, 0, 0, 500000), "")


def test_a_submission_without_a_time_has_none(tmp_path: Path) -> None:
    assert read_timestamp(tmp_path) == (None, "")


@pytest.mark.parametrize("text", ["", "yesterday", "99999-01-01", "x" * 500, "\ud800"])
def test_a_time_that_cannot_be_read_is_set_aside_with_a_complaint(tmp_path: Path, text: str) -> None:
    (tmp_path / "timestamp.txt").write_bytes(text.encode("utf-8", "surrogatepass"))
    time, complaint = read_timestamp(tmp_path)
    assert time is None
    assert "holds no time" in complaint
    assert not (tmp_path / "timestamp.txt").exists()


def test_a_pipe_in_the_place_of_the_time_is_set_aside_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "timestamp.txt")
    assert read_timestamp(tmp_path)[0] is None


def test_only_modules_and_nbgraders_own_files_are_copied(tmp_path: Path) -> None:
    folder, destination = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    destination.mkdir()
    for name in ("linear.py", "conftest.py", "linear.ipynb", "page.html", "timestamp.txt"):
        (folder / name).write_text(name)
    (folder / "submission_secret.txt").symlink_to(folder / "conftest.py")
    copy_kept(folder, destination, ASSIGNMENT)
    assert sorted(path.name for path in destination.iterdir()) == [
        "linear.py",
        "submission_secret.txt",
        "timestamp.txt",
    ]
    assert len((destination / "submission_secret.txt").read_text()) == 128, "a link is not followed"


def test_the_fingerprint_changes_with_every_file_that_counts_and_with_no_other(tmp_path: Path) -> None:
    seen = [fingerprint(tmp_path, ASSIGNMENT)]
    for name, text in (("linear.py", "1"), ("linear.py", "2"), ("a.ipynb", "2"), ("timestamp.txt", "2")):
        (tmp_path / name).write_text(text)
        seen.append(fingerprint(tmp_path, ASSIGNMENT))
    assert len(set(seen)) == 5
    (tmp_path / "core.dump").write_text("x")
    (tmp_path / "link.py").symlink_to("/dev/zero")
    assert fingerprint(tmp_path, ASSIGNMENT) == seen[-1]


def test_the_fingerprint_changes_with_the_checks(tmp_path: Path) -> None:
    assignment = Assignment(name="hw1", title="One", root=tmp_path, modules=("linear",), tasks=(), manual=())
    assignment.solution_dir.mkdir(parents=True)
    before = fingerprint(tmp_path, assignment)
    assignment.hidden_checks("linear").write_text("harder")
    assert fingerprint(tmp_path, assignment) != before


@pytest.mark.parametrize(
    "text",
    [
        *(
            "2026-02-03 11:00:00 ../../../../etc/localtime",
            "2026-02-03 11:00:00 /etc/localtime",
            "2026-02-03 11:00:00 <b>",
        ),
        *("0000-00-00 00:00:00 UTC", "2026-02-03\x0011:00:00", "2026-02-30 11:00:00 UTC", "\x1b[2J"),
        *("9999-12-31 23:59:59 -0100" * 9, "[]", "2026-02-03\n\n11:00:00 UTC"),
    ],
)
def test_a_time_of_another_form_is_set_aside_and_names_no_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "timestamp.txt").write_text(text)
    time, complaint = read_timestamp(tmp_path)
    assert time is None
    assert "holds no time and was renamed to timestamp.txt.unreadable-" in complaint
    assert "\x1b" not in complaint


@pytest.mark.parametrize(
    ("text", "hour"),
    [
        ("2026-02-03 11:00:00 UTC", 11),
        ("2026-02-03 11:00:00.123456 +0100", 10),
        ("2026-02-03 11:00:00 Europe/Berlin", 10),
        ("2026-02-03T11:00:00+00:00", 11),
        ("2026-02-03 11:00:00", 11),
        ("9998-02-03 11:00:00 UTC", 11),
    ],
)
def test_a_time_may_be_of_any_zone_and_in_any_year(tmp_path: Path, text: str, hour: int) -> None:
    (tmp_path / "timestamp.txt").write_text(text)
    time, complaint = read_timestamp(tmp_path)
    assert time is not None
    assert (time.hour, complaint) == (hour, "")


def test_a_time_that_cannot_be_set_aside_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "timestamp.txt").mkdir()

    def refuse(path: Path, target: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "rename", refuse)
    time, complaint = read_timestamp(tmp_path)
    assert time is None
    assert "cannot be renamed (Permission denied), so formgrader will stop at it: remove it" in complaint


def test_of_a_folder_that_is_a_link_nothing_is_read_moved_or_copied(tmp_path: Path) -> None:
    secret, link, out = tmp_path / "solutions", tmp_path / "eve", tmp_path / "out"
    secret.mkdir()
    out.mkdir()
    (secret / "linear.py").write_text("the reference")
    (secret / "timestamp.txt").write_text("no time")
    link.symlink_to(secret)
    assert read_timestamp(link) == (None, "")
    copy_kept(link, out, ASSIGNMENT)
    before = fingerprint(link, ASSIGNMENT)
    (secret / "linear.py").write_text("changed")
    assert fingerprint(link, ASSIGNMENT) == before
    assert sorted(path.name for path in out.iterdir()) == ["submission_secret.txt", "timestamp.txt"]
    assert (secret / "timestamp.txt").read_text() == "no time"


def test_a_file_that_is_too_large_to_keep_is_not_copied(tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    out.mkdir()
    with (folder / "linear.py").open("wb") as file:
        file.truncate(10**12)
    copy_kept(folder, out, ASSIGNMENT)
    assert not (out / "linear.py").exists()


def test_the_fingerprint_of_what_is_too_large_is_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_module, "HASHED_BYTES", 10)
    for name in "abc":
        (tmp_path / f"{name}.zip").write_bytes(b"x" * 6)
    before = fingerprint(tmp_path, ASSIGNMENT)
    (tmp_path / "b.zip").write_bytes(b"y" * 6)
    assert fingerprint(tmp_path, ASSIGNMENT) == before, "beyond the limit nothing is read"
    (tmp_path / "a.zip").write_bytes(b"y" * 6)
    assert fingerprint(tmp_path, ASSIGNMENT) != before


@pytest.mark.parametrize(
    ("student", "usable"),
    [
        *((name, True) for name in ("ada", "ada.l", "a-b_c", "Jane Doe", "Łukasz", "1234567", "a+b@example.org")),
        *((name, False) for name in ("", ".", "..", "-rf", "--force", "_", " a", "a/b", "a\nb", "a\\b", "<b>", "a'b")),
        *((name, False) for name in ('a"b', "a&b", "a`b", "=1", "a\x1b", "a\u202eb", "\udcff", "x" * 101, "a;b", "$a")),
    ],
)
def test_only_a_plain_name_is_a_students(student: str, usable: bool) -> None:
    assert usable_id(student) is usable
