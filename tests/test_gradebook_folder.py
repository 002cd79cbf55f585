from __future__ import annotations

import datetime
import os
from pathlib import Path

import pytest

from grader.gradebook.folder import copy_kept, fingerprint, read_timestamp
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
