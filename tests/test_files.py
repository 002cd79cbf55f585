import os
import socket

import pytest

from grader import files
from grader.errors import SubmissionError
from grader.files import Folder, Refused, Single, is_regular, is_work, read_file, size


def test_a_file_is_read_up_to_the_limit(tmp_path):
    (tmp_path / "a.py").write_bytes(b"12345")
    assert read_file(tmp_path / "a.py", 5) == b"12345"
    with pytest.raises(SubmissionError, match=r"a\.py is larger than 0\.004 kB"):
        read_file(tmp_path / "a.py", 4)


def test_a_sparse_file_of_any_size_is_refused_unread(tmp_path):
    with (tmp_path / "a.py").open("wb") as file:
        file.truncate(10**12)
    with pytest.raises(SubmissionError, match=r"a\.py is larger than 50 MB"):
        read_file(tmp_path / "a.py")


def made(path, kind):
    match kind:
        case "link":
            (path.parent / "secret").write_text("secret")
            path.symlink_to(path.parent / "secret")
        case "dangling link":
            path.symlink_to("nowhere")
        case "loop":
            path.symlink_to(path)
        case "pipe":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case "socket":
            with socket.socket(socket.AF_UNIX) as server:
                server.bind(os.path.relpath(path))
        case "device":
            path.symlink_to("/dev/zero")
    return path


KINDS = ("link", "dangling link", "loop", "pipe", "folder", "socket", "device", "nothing")


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_regular_file_is_neither_followed_nor_waited_for(tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    path = made(tmp_path / "a.py", kind)
    assert not is_regular(path)
    with pytest.raises(SubmissionError, match=r"There is no file a\.py"):
        read_file(path)
    assert Folder(tmp_path).names() == (("secret",) if kind == "link" else ())


@pytest.mark.parametrize("kind", KINDS)
def test_what_takes_its_place_after_the_first_look_is_refused_too(tmp_path, monkeypatch, kind):
    """The name is looked at, then opened: between the two somebody may have put a link or a pipe there."""
    monkeypatch.chdir(tmp_path)
    path = made(tmp_path / "a.py", kind)
    monkeypatch.setattr(files, "is_regular", lambda path: True)
    with pytest.raises(SubmissionError, match=r"There is no file a\.py|a\.py cannot be read"):
        read_file(path)


def test_a_file_that_grew_after_the_look_is_read_up_to_the_limit(tmp_path, monkeypatch):
    (tmp_path / "a.py").write_bytes(b"12345")
    small = os.stat(tmp_path / "a.py")
    (tmp_path / "a.py").write_bytes(b"1" * 100)
    monkeypatch.setattr(files.os, "fstat", lambda descriptor: small)
    with pytest.raises(SubmissionError, match=r"larger than 0\.01 kB"):
        read_file(tmp_path / "a.py", 10)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_says_so(tmp_path):
    (tmp_path / "a.py").touch(mode=0)
    with pytest.raises(SubmissionError, match=r"a\.py cannot be read: Permission denied"):
        read_file(tmp_path / "a.py")


def test_an_impossible_name_is_no_file(tmp_path):
    assert not is_regular(tmp_path / "a\0b")
    assert not is_regular(tmp_path / ("a" * 5_000))


def test_a_folder_that_is_a_link_is_not_followed(tmp_path):
    (tmp_path / "secrets").mkdir()
    (tmp_path / "ada").symlink_to(tmp_path / "secrets")
    with pytest.raises(SubmissionError, match="ada is a link to another place"):
        Folder(tmp_path / "ada").names()


def test_a_folder_that_is_none_says_so(tmp_path):
    with pytest.raises(SubmissionError, match="The folder none cannot be read: No such file"):
        Folder(tmp_path / "none").names()


def test_a_folder_of_too_many_files_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "ENTRIES", 3)
    for name in "abc":
        (tmp_path / name).touch()
    assert Folder(tmp_path).names() == ("a", "b", "c")
    (tmp_path / "d").touch()
    with pytest.raises(SubmissionError, match="holds more than 3 files"):
        Folder(tmp_path).names()


def test_what_lies_deeper_is_not_looked_at(tmp_path):
    deep = tmp_path / "ada"
    deep.mkdir()
    here = os.getcwd()
    try:  # deeper than any path may be long
        os.chdir(deep)
        for _ in range(100):
            os.mkdir("d" * 100)
            os.chdir("d" * 100)
    finally:
        os.chdir(here)
    (deep / "a.py").touch()
    assert Folder(deep).names() == ("a.py",)


def test_a_single_file_is_a_submission_of_one(tmp_path):
    (tmp_path / "a.py").write_text("x")
    single = Single(tmp_path / "a.py")
    assert single.names() == ("a.py",)
    assert single.read("a.py") == b"x"


def test_a_refused_submission_says_why_whatever_is_asked():
    refused = Refused("It is a bomb.")
    for ask in (refused.names, lambda: refused.read("a.py")):
        with pytest.raises(SubmissionError, match="It is a bomb"):
            ask()


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a.py", True), ("a.ipynb", True), ("a.PY", False), ("test_a.py", False), (".a.py", False), ("a.txt", False)],
)
def test_work_is_told_by_its_name(name, expected):
    assert is_work(name) is expected


def test_sizes_are_for_people():
    assert [size(count) for count in (500_000, 50_000_000)] == ["500 kB", "50 MB"]
