import pytest

from grader.errors import SubmissionError
from grader.files import Folder, Single
from grader.ingest import class_of, opened
from tests.zips import link, made, patched

ANY = b"x = 1\n"


def names(files):
    return files.names()


def test_a_file_and_a_folder_are_what_they_are(tmp_path):
    (tmp_path / "a.py").write_bytes(ANY)
    assert opened(tmp_path / "a.py") == Single(tmp_path / "a.py")
    assert opened(tmp_path) == Folder(tmp_path)


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        (["linear.py", "notes.txt"], ("linear.py", "notes.txt")),
        (["hw1/linear.py", "hw1/data.csv"], ("data.csv", "linear.py")),
        (["a/b/linear.ipynb", "readme.md", "__MACOSX/a/b/._linear.ipynb"], ("linear.ipynb",)),
        (["linear.py", "old/linear.py"], ("linear.py",)),
        (["test_linear.py", "src/linear.py"], ("linear.py",)),
        (["hw1/notes.txt"], ("notes.txt",)),
        ([], ()),
    ],
)
def test_of_a_zip_the_folder_that_holds_the_work_counts(tmp_path, members, expected):
    path = tmp_path / "ada.zip"
    path.write_bytes(made(*((name, ANY) for name in members)))
    files = opened(path)
    assert names(files) == expected
    assert [files.read(name) for name in files.names()] == [ANY] * len(expected)


def test_work_in_several_folders_is_no_ones_to_choose(tmp_path):
    path = tmp_path / "ada.zip"
    path.write_bytes(made(("v1/linear.py", ANY), ("v2/linear.py", ANY)))
    with pytest.raises(SubmissionError, match=r"ada\.zip holds work in several folders \(v1, v2\)\. Hand in one"):
        opened(path)


def test_a_zip_alone_in_a_folder_is_opened_and_said_so(tmp_path):
    (tmp_path / "hw1.ZIP").write_bytes(made(("hw1/linear.py", ANY)))
    (tmp_path / "timestamp.txt").write_text("2026-01-01 00:00:00 UTC")
    files = opened(tmp_path)
    assert names(files) == ("linear.py",)
    assert files.notes == ("hw1.ZIP was opened; files outside of it were left aside.",)


def test_a_zip_beside_work_or_another_zip_is_left_aside(tmp_path):
    for name in ("a.zip", "b.zip"):
        (tmp_path / name).write_bytes(made(("linear.py", ANY)))
    assert opened(tmp_path) == Folder(tmp_path)
    (tmp_path / "b.zip").unlink()
    (tmp_path / "linear.py").write_bytes(ANY)
    assert opened(tmp_path) == Folder(tmp_path)


def test_a_zip_in_a_students_zip_is_not_opened(tmp_path):
    (tmp_path / "ada.zip").write_bytes(made(("inner.zip", made(("linear.py", ANY)))))
    assert names(opened(tmp_path / "ada.zip")) == ("inner.zip",)


def test_one_bad_member_refuses_a_students_zip(tmp_path):
    (tmp_path / "ada.zip").write_bytes(made(("linear.py", ANY), link("notes", "/etc/passwd")))
    with pytest.raises(SubmissionError, match=r"ada\.zip is refused, because of a file in it: notes is no regular"):
        opened(tmp_path / "ada.zip")


def class_in(folder, *members):
    (folder / "all.zip").write_bytes(made(*members))
    return class_of(folder / "all.zip", "hw1")


def test_a_class_is_told_apart_and_each_student_read_alone(tmp_path):
    students, left = class_in(
        tmp_path,
        ("doejane_1_5_linear.ipynb", ANY),
        ("roeada_LATE_2_6_hw1.zip", made(("hw1/linear.py", ANY))),
        ("bob_3_7_linear.py", ANY),
        ("bob_3_8_linear-1.py", b"y = 2\n"),
        ("solution.py", ANY),
        ("index.html", ANY),
    )
    assert {student: files.names() for student, files in students.items()} == {
        "bob": ("linear.py",),
        "doejane": ("linear.ipynb",),
        "roeada": ("linear.py",),
    }
    assert students["bob"].read("linear.py") == b"y = 2\n"
    assert students["bob"].notes == ("This was handed in 2 times: the last one counts.",)
    assert left == ("solution.py",)


def test_the_time_of_the_last_attempt_is_said(tmp_path):
    folder = "1-2 - Ada - Nov {}, 2026 1105 PM/linear.py"
    students, _ = class_in(tmp_path, (folder.format(3), ANY), (folder.format(4), b"y = 2\n"))
    assert students["Ada"].read("linear.py") == b"y = 2\n"
    assert students["Ada"].notes == ("This was handed in 2 times: the last one counts, of 2026-11-04 23:05.",)


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (("eve_9_9_x.zip", b"no zip"), "x.zip is no zip that can be read"),
        (("eve_9_9_x.zip", made(("../linear.py", ANY))), "leads out of the archive"),
        (("eve_9_9_x.zip", made(("a/linear.py", ANY), ("b/linear.py", ANY))), "several folders"),
        (("eve_9_9_x.zip", made(("x.py", ANY), ("X.py", ANY))), "stands in it twice"),
        (("eve_9_9_x.zip", made(*((f"{n}.py", b"") for n in range(2_001)))), "more than 2000 files"),
        (("eve_9_9_x.zip", patched(made(("x.py", ANY), method=0), ANY, b"y = 1\n")), "Bad CRC"),
        (link("eve_9_9_linear.py", "/etc/passwd"), "is no regular file"),
        (("eve_9_9_linear.py", bytes(5_000_000)), "200 times larger"),
    ],
)
def test_one_bad_submission_in_a_class_is_that_students_only(tmp_path, bad, said):
    students, _ = class_in(tmp_path, ("ada_1_1_linear.py", ANY), bad, ("zoe_2_2_linear.py", ANY))
    assert sorted(students) == ["ada", "eve", "zoe"]
    assert students["ada"].read("linear.py") == students["zoe"].read("linear.py") == ANY
    with pytest.raises(SubmissionError, match=said):
        [students["eve"].read(name) for name in students["eve"].names()]


def test_gradescope_names_are_taken_from_its_metadata(tmp_path):
    metadata = "submission_7:\n  :submitters:\n  - :name: Ada\n"
    students, _ = class_in(tmp_path, ("export/submission_metadata.yml", metadata), ("export/submission_7/a.py", ANY))
    assert list(students) == ["Ada"]


def test_what_is_no_zip_is_no_class(tmp_path):
    (tmp_path / "all.zip").write_bytes(b"x")
    with pytest.raises(SubmissionError, match=r"all\.zip is no zip that can be read"):
        class_of(tmp_path / "all.zip", "hw1")
