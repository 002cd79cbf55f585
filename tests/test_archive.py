import os
import stat
import struct
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader import archive as module
from grader.archive import STUDENT, Archive, Bounds, check_total
from grader.errors import SubmissionError
from tests.zips import central, link, made, patched, special, with_field

ANY = b"x = 1\n"


def problems(data):
    return [member.problem for member in Archive(data, "ada.zip").members]


def test_members_are_read_by_their_own_names():
    archive = Archive(made(("hw1/", ""), ("hw1/linear.py", ANY), ("notes.txt", "")), "ada.zip")
    assert [(member.parts, member.size, member.problem) for member in archive.members] == [
        (("hw1", "linear.py"), 6, ""),
        (("notes.txt",), 0, ""),
    ]
    assert archive.read(archive.members[0]) == ANY


def test_a_zip_on_disk_is_read_alike_and_a_link_to_one_is_not(tmp_path):
    (tmp_path / "ada.zip").write_bytes(made(("a.py", ANY)))
    archive = Archive(tmp_path / "ada.zip", "ada.zip")
    assert archive.read(archive.members[0]) == ANY
    (tmp_path / "link.zip").symlink_to(tmp_path / "ada.zip")
    os.mkfifo(tmp_path / "pipe.zip")
    for name in ("link.zip", "pipe.zip", "none.zip"):
        with pytest.raises(SubmissionError, match=f"There is no file {name}"):
            Archive(tmp_path / name, name)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        *((name, "leads out of the archive") for name in ("../a.py", "a/../../b.py", "/etc/a.py", "C:/a.py", "c:a.py")),
        *((name, "is no name of a file") for name in ("..\\a.py", "a\\b.py", "...", "x" * 1_001, "./")),
        ("a/" * 20 + "b.py", "lies more than 20 folders deep"),
    ],
)
def test_a_name_that_is_no_plain_path_below_is_refused(name, said):
    info = zipfile.ZipInfo("x")
    info.filename = name
    [problem] = problems(made((info, ANY)))
    assert said in problem


def test_a_name_with_a_nul_is_refused():
    [problem] = problems(patched(made(("a.py#.txt", ANY)), b"a.py#", b"a.py\0"))
    assert problem == "the name 'a.py�.txt' is no name of a file"


def test_a_name_that_begins_with_a_nul_is_refused():
    data = patched(made(("#.py", ANY)), b"#.py", b"\0.py")  # zipfile itself takes it for a name without a letter
    assert problems(data) == ["the name '�.py' is no name of a file"]


def test_a_name_that_is_no_text_is_refused():
    data = patched(made(("aé.py", ANY)), "é".encode(), b"\xff\xfe")
    with pytest.raises(SubmissionError, match=r"ada\.zip is no zip that can be read .*Make the zip anew"):
        Archive(data, "ada.zip")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFSOCK, stat.S_IFDIR])
def test_what_is_no_regular_file_is_refused_unread(kind):
    archive = Archive(made((special("a.py", kind | 0o777), "/etc/passwd")), "ada.zip")
    with pytest.raises(SubmissionError, match=r"a\.py is no regular file"):
        archive.read(archive.members[0])


def test_a_folder_that_holds_bytes_is_refused():
    data = patched(made(("a.py#", ANY)), b"a.py#", b"a.py/")
    assert "no regular file" in problems(data)[0]


@pytest.mark.parametrize(
    "names",
    [
        ("a.py", "A.py"),
        ("a.py", "a.PY"),
        ("é.py", "e\u0301.py"),
        ("ﬁ.py", "fi.py"),
        ("straße.py", "STRASSE.py"),
        ("a.py", "./a.py"),
        ("a.py", "a.py/b.py"),
    ],
)
def test_names_that_some_file_system_takes_for_one_are_refused(names):
    found = problems(made(*((name, ANY) for name in names)))
    assert any("stands in it twice" in problem for problem in found)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_the_same_name_twice_is_refused_both_times():
    assert all("twice" in problem for problem in problems(made(("a.py", ANY), ("a.py", b"other"))))


@pytest.mark.parametrize("flag", [0x1, 0x40, 0x2000])
def test_an_encrypted_member_is_refused(flag):
    data = made(("a.py", ANY))
    flags = struct.pack("<H", flag)
    assert "is encrypted; a zip must have no password" in problems(with_field(data, 8, flags))[0]


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_an_unusual_compression_is_refused_because_it_may_take_any_memory(method):
    assert "make an ordinary zip" in problems(made(("a.py", ANY), method=method))[0]


def test_a_member_that_would_become_much_larger_is_refused():
    bomb = made(("a.py", bytes(2_000_000)))
    assert len(bomb) < 4_000
    assert "200 times larger" in problems(bomb)[0]
    assert problems(made(("a.py", bytes(900_000)))) == [""], "a small one does no harm"


@pytest.mark.parametrize(("claimed", "said"), [(5, "CRC|as large"), (7, "as large|read"), (40_000_000, "read|large")])
def test_a_member_that_lies_about_its_size_is_refused(claimed, said):
    data = with_field(made(("a.py", ANY), method=zipfile.ZIP_STORED), 24, struct.pack("<I", claimed))
    archive = Archive(data, "ada.zip")
    with pytest.raises(SubmissionError, match=said):
        archive.read(archive.members[0])


def test_a_member_is_never_read_over_the_limit():
    archive = Archive(made(("a.py", ANY)), "ada.zip")
    with pytest.raises(SubmissionError, match=r"a\.py in ada\.zip is larger than 0\.005 kB"):
        archive.read(archive.members[0], 5)


def test_a_checksum_that_does_not_fit_is_an_error():
    archive = Archive(patched(made(("a.py", ANY), method=zipfile.ZIP_STORED), ANY, b"y = 1\n"), "ada.zip")
    with pytest.raises(SubmissionError, match="Bad CRC-32"):
        archive.read(archive.members[0])


def test_members_that_share_their_bytes_are_refused():
    """The best bombs reuse one kernel of compressed bytes for thousands of files."""
    data = made(("a.py", ANY * 50), ("b.py", ANY * 50), method=zipfile.ZIP_STORED)
    shared = with_field(data, 42, struct.pack("<I", 0), number=1)
    assert all("shares its bytes" in problem for problem in problems(shared))


def test_a_member_that_reaches_into_the_table_of_contents_is_refused():
    data = made(("a.py", ANY), method=zipfile.ZIP_STORED)
    assert "shares its bytes" in problems(with_field(data, 20, struct.pack("<I", 100_000)))[0]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PK\x05\x06",
        b"not a zip",
        b"\x1f\x8b\x08\x00" + bytes(30),
        b"Rar!\x1a\x07\x00" + bytes(30),
        made(("a.py", ANY))[:-30],
        made(("a.py", ANY))[40:],
        b"PK\x05\x06" + bytes(18) + b"x",
    ],
    ids=range(8),  # the time of day is in the zips
)
def test_what_is_no_whole_zip_is_an_error_or_empty(data):
    def read_all():
        archive = Archive(data, "ada.zip")
        return [archive.read(member) for member in archive.members]

    assert refused(read_all) or read_all() == []


def refused(work):
    """Whether it ends with an error that names the zip; any other error is one of ours."""
    try:
        work()
    except SubmissionError as error:
        return "ada.zip" in str(error)
    return False


def test_a_table_of_contents_is_measured_before_it_is_read():
    many = made(*((f"{number:0200}.py", b"") for number in range(2_100)))
    with pytest.raises(SubmissionError, match="its table of contents is too large"):
        Archive(many, "ada.zip")


def test_too_many_members_are_refused():
    many = made(*((f"{number}.py", b"") for number in range(2_001)))
    with pytest.raises(SubmissionError, match=r"ada\.zip holds more than 2000 files"):
        Archive(many, "ada.zip")


def test_the_members_of_one_student_are_bounded_together():
    members = Archive(made(("a.py", ANY), ("b.py", ANY)), "ada.zip").members
    check_total(members, "ada.zip")
    with pytest.raises(SubmissionError, match=r"holds more than 0\.01 kB"):
        check_total(members, "ada.zip", Bounds(members=9, directory=9, total=10))
    with pytest.raises(SubmissionError, match="holds more than 1 files"):
        check_total(members, "ada.zip", Bounds(members=1, directory=9, total=99))


def test_a_zip64_that_lies_is_an_error():
    """A record that claims a table of 2**63 bytes."""
    data = made(("a.py", ANY))
    end = data.index(b"PK\x05\x06")
    record = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 1, 1, 2**63, central(data))
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, end, 1)
    with pytest.raises(SubmissionError, match="is no zip that can be read"):
        Archive(data[:end] + record + locator + data[end:], "ada.zip")


GOOD = made(("hw1/linear.py", ANY * 20), ("hw1/a.ipynb", b'{"cells": []}'), link("x", "/etc/passwd"))


@given(st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), min_size=1, max_size=8), st.data())
def test_whatever_bytes_are_changed_it_is_read_or_refused(changes, data):
    spoilt = bytearray(GOOD)
    for place, value in changes:
        spoilt[place] = value
    cut = data.draw(st.integers(0, len(GOOD)) | st.just(len(GOOD)))

    def read_all():
        archive = Archive(bytes(spoilt[:cut]), "ada.zip")
        return [len(archive.read(member)) == member.size for member in archive.members]

    assert refused(read_all) or all(read_all())


def test_the_limits_are_no_smaller_than_an_honest_zip():
    assert STUDENT.directory >= 65_557, "zipfile reads that much to find the end"
    assert module.CLASS.members >= 500 * 20
