import os
import subprocess
import sys
from dataclasses import replace

import pytest

from grader.assignment import load_assignment
from grader.batch import unit as module
from grader.batch.unit import Graded, Packed, Trouble, Unit, do, given_up, pack
from grader.errors import CourseError, SubmissionError
from grader.model import Status
from grader.submission import CODE_BYTES, read_submission
from grader.version import ingredients, version_of
from tests.course import REFERENCE, VARIANT, change, make_course, make_two_module_course, write
from tests.zips import made


@pytest.fixture
def assignment(tmp_path):
    return load_assignment(make_course(tmp_path / "course"), "hw1")


def unit(assignment, path, student="ada"):
    return Unit(version=version_of(ingredients(assignment)), student=student, handed=pack(path, assignment))


def read(files, assignment):
    """What reading finds, or why it cannot."""
    try:
        return read_submission(files, assignment)
    except SubmissionError as error:
        return str(error)


def notebook(source):
    return '{"cells": [{"cell_type": "code", "source": %r, "metadata": {}}], "metadata": {}, "nbformat": 4}'.replace(
        "%r", '"' + source.replace("\n", "\\n").replace('"', '\\"') + '"'
    )


@pytest.mark.parametrize(
    "files",
    [
        {"vectors.py": VARIANT},
        {"vectors.py": VARIANT, "vectors.ipynb": notebook("def norm(v):\n    return 1")},
        {"vectors.py": VARIANT, "vectors.ipynb": "no notebook"},
        {"mine.py": VARIANT},
        {"mine.py": VARIANT, "yours.py": VARIANT},
        {"mine.py": VARIANT, "yours.ipynb": notebook("def norm(v):\n    return 1")},
        {"notes.txt": "later"},
        {},
        {"vectors.py": ""},
        {"vectors.py": "x" * (CODE_BYTES + 1)},
        {"vectors.py": VARIANT, "vectors.ipynb": notebook(""), "big.py": "x" * (CODE_BYTES + 1)},
    ],
    ids=lambda files: ",".join(files) or "nothing",
)
@pytest.mark.parametrize("zipped", [False, True])
def test_a_packed_submission_reads_as_the_files_do(assignment, tmp_path, files, zipped):
    place = tmp_path / "ada"
    place.mkdir()
    for name, text in files.items():
        write(place / name, text)
    if zipped:
        place = tmp_path / "ada.zip"
        place.write_bytes(made(*((f"hw1/{name}", text) for name, text in files.items())))
    assert read(pack(place, assignment), assignment) == read(place, assignment)


def test_every_module_gets_its_files(tmp_path):
    assignment = load_assignment(make_two_module_course(tmp_path), "hw1")
    for name in ("vectors.py", "kernels.py", "test_vectors.py", "holiday.jpg"):
        write(tmp_path / "ada" / name, "x = 1\n")
    assert sorted(pack(tmp_path / "ada", assignment).data) == ["kernels.py", "vectors.py"]


def test_what_must_not_be_read_is_carried_as_the_reason(assignment, tmp_path):
    (tmp_path / "bob").mkdir()
    (tmp_path / "bob/vectors.py").symlink_to(assignment.reference("vectors"))
    (tmp_path / "cem").symlink_to(tmp_path / "bob")
    os.mkfifo(tmp_path / "dan.py")
    (tmp_path / "eve.zip").write_bytes(b"no zip")
    for name in ("bob", "cem", "dan.py", "eve.zip"):
        packed = pack(tmp_path / name, assignment)
        assert not packed.data
        assert read(packed, assignment) == read(tmp_path / name, assignment)


def test_a_limit_holds_for_packed_files_too():
    packed = Packed(listed=("a.py",), data={"a.py": b"12345"})
    assert packed.read("a.py", 5) == b"12345"
    with pytest.raises(SubmissionError, match=r"a\.py is larger than 0\.004 kB"):
        packed.read("a.py", 4)


def test_the_digest_is_that_of_all_that_grading_sees():
    base = Packed(listed=("a", "b"), data={"a": b"1", "b": b"2"}, problems={"c": "gone"}, notes=("n",))
    others = [
        replace(base, listed=("ab",)),
        replace(base, data={"a": b"12", "b": b""}),
        replace(base, data={"b": b"1", "a": b"2"}),
        replace(base, problems={}),
        replace(base, refused="no"),
        replace(base, notes=("n", "m")),
        replace(base, notes=("\udc80",)),
    ]
    assert len({packed.digest for packed in [base, *others]}) == len(others) + 1
    assert replace(base).digest == base.digest


def test_a_unit_is_graded_to_a_report(assignment, tmp_path):
    write(tmp_path / "ada/vectors.py", VARIANT)
    found = do(assignment, unit(assignment, tmp_path / "ada"))
    assert isinstance(found, Graded)
    assert (found.report.student, found.report.score) == ("ada", 90)
    assert found.seconds > 0


def test_a_course_that_changes_meanwhile_gives_no_result(assignment, tmp_path):
    write(tmp_path / "ada/vectors.py", VARIANT)
    work = unit(assignment, tmp_path / "ada")
    change(assignment.solution_dir / "assignment.toml", "a secret", "another secret")
    found = do(assignment, work)
    assert found == Trouble(message="hw1 was changed while it was graded: start again", course=True)


@pytest.mark.parametrize(
    ("error", "trouble"),
    [
        (CourseError("mutants.toml is wrong"), Trouble(message="mutants.toml is wrong", course=True)),
        (OSError("no room"), Trouble(message="OSError: no room")),
    ],
)
def test_errors_of_ours_are_values(assignment, tmp_path, monkeypatch, error, trouble):
    def fail(*_):
        raise error

    monkeypatch.setattr(module, "grade_path", fail)
    assert do(assignment, unit(assignment, tmp_path)) == trouble


def test_what_we_failed_to_grade_keeps_its_points_open(assignment, tmp_path):
    write(tmp_path / "ada/vectors.py", REFERENCE)
    graded = given_up(assignment, unit(assignment, tmp_path / "ada"), "it burned down")
    assert {result.status for result in graded.report.results} == {Status.ERROR}
    assert len(graded.report.open_tasks) == len(assignment.tasks)
    (message,) = graded.report.notes
    assert message == "Grading this submission failed 3 times, which is no verdict on it: it burned down"


STUCK = """
import sys
from dataclasses import replace
from pathlib import Path
from grader.assignment import load_assignment
from grader.batch.unit import patience
from grader.model import Limits

with patience(replace(load_assignment(Path(sys.argv[1]), "hw1"), limits=Limits(check_seconds=float(sys.argv[2])))):
    while sys.argv[3] == "stuck":
        pass
"""


@pytest.mark.parametrize(("seconds", "how", "status"), [("0.01", "stuck", 1), ("60", "done", 0)])
def test_a_process_that_is_stuck_ends_and_one_that_is_done_goes_on(assignment, seconds, how, status):
    command = [sys.executable, "-c", STUCK, str(assignment.root), seconds, how]
    assert subprocess.run(command, capture_output=True, check=False).returncode == status
