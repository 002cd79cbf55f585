import ast
import os
import stat
from pathlib import Path

import pytest

from grader import build as build_module
from grader.assignment import load_assignment
from grader.build import build, made_files, write
from grader.errors import CourseError, SourceError
from tests import course
from tests.course import change, make_course, make_two_module_course

MADE = [
    "assignments/hw1/vectors.py",
    "assignments/hw1/experiments.py",
    "solutions/hw1/vectors.ipynb",
    "release/hw1/vectors.ipynb",
    "release/hw1/README.md",
    "release/hw1/test_vectors.py",
]


@pytest.fixture
def root(tmp_path):
    return make_course(tmp_path / "course")


def files(root):
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_build_makes_every_file_and_says_which(root):
    before = set(files(root))
    assert build(root, ["hw1"]) == [f"{name}: missing" for name in MADE]
    assert set(files(root)) - before == set(MADE)


def test_after_a_build_all_is_in_step_and_nothing_is_written_again(root):
    build(root, ["hw1"])
    times = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    assert build(root, ["hw1"], check=True) == []
    assert build(root, ["hw1"]) == []
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == times


def test_a_check_writes_nothing(root):
    before = files(root)
    assert len(build(root, ["hw1"], check=True)) == len(MADE)
    assert files(root) == before


def test_two_builds_in_different_folders_are_the_same_byte_for_byte(root, tmp_path):
    other = make_course(tmp_path / "elsewhere" / "deep")
    build(root, ["hw1"])
    build(other, ["hw1"])
    assert files(root) == files(other)


def test_the_stub_is_python_with_cells_and_without_answers(root):
    build(root, ["hw1"])
    text = (root / "assignments/hw1/vectors.py").read_text()
    ast.parse(text)
    assert text.count("# %%") == course.REFERENCE.count("# %%")
    assert text.startswith("# %% [markdown]\n# # Vectors\n")
    assert "sqrt" not in text


def test_handout_and_public_checks_travel_as_they_are(root):
    build(root, ["hw1"])
    for name in ("README.md", "test_vectors.py"):
        assert (root / "release/hw1" / name).read_bytes() == (root / "assignments/hw1" / name).read_bytes()
    assert sorted(path.name for path in (root / "release/hw1").iterdir()) == [
        "README.md",
        "test_vectors.py",
        "vectors.ipynb",
    ]


@pytest.mark.parametrize("name", MADE)
def test_an_edited_or_missing_file_is_found_and_mended(root, name):
    build(root, ["hw1"])
    before = files(root)
    (root / name).write_bytes(b"\xff")
    assert build(root, ["hw1"], check=True) == [f"{name}: differs from its source"]
    (root / name).unlink()
    assert build(root, ["hw1"]) == [f"{name}: missing"]
    assert files(root) == before


@pytest.mark.parametrize(
    ("file", "old", "new", "changed"),
    [
        ("solutions/hw1/vectors.py", '"""The length of v."""', '"""Its length."""', [MADE[0], MADE[2], MADE[3]]),
        ("solutions/hw1/vectors.py", "math.sqrt(", "math.sqrt(0 + ", [MADE[2]]),
        ("solutions/hw1/experiments.py", "# # Experiments", "# # Plots", [MADE[1], MADE[2], MADE[3]]),
        ("assignments/hw1/README.md", "Vectors.", "All vectors.", [MADE[4]]),
    ],
)
def test_a_change_of_a_source_puts_what_is_made_from_it_out_of_step(root, file, old, new, changed):
    build(root, ["hw1"])
    change(root / file, old, new)
    assert build(root, ["hw1"], check=True) == [f"{name}: differs from its source" for name in changed]


def test_what_is_not_made_any_more_is_removed_from_the_release(root):
    build(root, ["hw1"])
    for name in ("old.ipynb", "deep/data.csv"):
        course.write(root / "release/hw1" / name, "{}")
    course.write(root / "release/hw1/.ipynb_checkpoints/vectors-checkpoint.ipynb", "{}")
    expected = [f"release/hw1/{name}: made from nothing that is still there" for name in ("deep/data.csv", "old.ipynb")]
    assert build(root, ["hw1"], check=True) == expected
    assert build(root, ["hw1"]) == expected
    assert build(root, ["hw1"], check=True) == []
    assert not (root / "release/hw1/old.ipynb").exists()


@pytest.mark.parametrize("check", [True, False])
def test_a_notebook_of_unknown_origin_is_never_removed(root, check):
    mine = root / "solutions/hw1/mine.ipynb"
    course.write(mine, "{}")
    with pytest.raises(CourseError, match=r"mine\.ipynb: made from no module of hw1; move or delete it"):
        build(root, ["hw1"], check=check)
    assert mine.exists()


def test_nothing_is_written_when_one_assignment_cannot_be_made(root):
    for name in course.FILES:
        course.write(root / name.replace("hw1", "hw2"), course.FILES[name])
    change(
        root / "solutions/hw2/vectors.py",
        "    ### END SOLUTION\n\n\n# %% [markdown]\n# Now",
        "\n\n# %% [markdown]\n# Now",
    )
    before = files(root)
    with pytest.raises(SourceError, match="BEGIN SOLUTION without an END SOLUTION"):
        build(root, ["hw1", "hw2"])
    assert files(root) == before


def test_a_missing_handout_is_told(root):
    (root / "assignments/hw1/README.md").unlink()
    with pytest.raises(SourceError, match=r"README\.md:1: cannot be read"):
        build(root, ["hw1"])


def test_each_module_has_its_stub_and_its_notebook(tmp_path):
    root = make_two_module_course(tmp_path)
    build(root, ["hw1"])
    assert sorted(path.name for path in (root / "release/hw1").iterdir()) == [
        "README.md",
        "kernels.ipynb",
        "test_kernels.py",
        "test_vectors.py",
        "vectors.ipynb",
    ]
    assert (root / "assignments/hw1/kernels.py").exists()


def test_an_assignment_needs_no_experiments(root):
    (root / "solutions/hw1/experiments.py").unlink()
    change(root / "assignments/hw1/test_vectors.py", "points=60", "points=70")
    assert root / "assignments/hw1/experiments.py" not in made_files(load_assignment(root, "hw1"))


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "file.py"
    write(path, "old\n")

    def fail(self, target):
        raise OSError("no space left")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="no space left"):
        write(path, "new\n")
    assert files(tmp_path) == {"file.py": b"old\n"}


def test_made_files_can_be_read_by_all_and_end_lines_as_unix_does(tmp_path):
    mask = os.umask(0o022)
    try:
        write(tmp_path / "new/file.py", "a\nb\n")
    finally:
        os.umask(mask)
    assert (tmp_path / "new/file.py").read_bytes() == b"a\nb\n"
    assert stat.S_IMODE((tmp_path / "new/file.py").stat().st_mode) == 0o644


def test_a_checkout_with_ends_of_lines_of_windows_is_in_step(root):
    build(root, ["hw1"])
    path = root / MADE[0]
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert build_module.build(root, ["hw1"], check=True) == []
