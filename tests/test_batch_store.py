import errno
import json
import os
import subprocess
import sys

import pytest

from grader.batch.store import LOCK, RESULTS, open_store, write_text
from grader.batch.unit import Key
from grader.errors import BatchError
from grader.model import Check, CheckResult, Report, Status, Task
from tests.batch_course import enlarge, small_disk


def key(student, submission="1", version="1"):
    return Key(student=student, version=version, submission=submission)


def report(student, points=30.0, status=Status.PASSED, assignment="hw1"):
    return Report(
        student=student,
        assignment=assignment,
        tasks=(Task(name="norm", points=points),),
        results=(CheckResult(check=Check(name="test_n", task="norm"), status=status, message="m" * 1000),),
    )


def run(folder, *students, changed=False, end=True, **more):
    """A run that grades what it has not: who was graded."""
    graded = []
    with open_store(folder, "hw1") as store:
        store.begin(changed=changed)
        for student in students:
            if not store.has(key(student, **more)):
                graded.append(student)
                store.add(key(student, **more), report(student), 1.0)
        if end:
            store.end()
    return graded


def test_results_are_there_again_when_the_folder_is_opened_again(tmp_path):
    run(tmp_path / "out", "ada", "bob")
    with open_store(tmp_path / "out", "hw1") as store:
        assert store.report("bob") == report("bob")
        assert store.report("ada") == report("ada")
        assert not store.unfinished


def test_a_run_that_was_cut_short_goes_on(tmp_path):
    assert run(tmp_path, "ada", "bob", end=False) == ["ada", "bob"]
    assert run(tmp_path, "ada", "bob", "cem", end=False) == ["cem"]
    assert run(tmp_path, "ada", "bob", "cem", "dan") == ["dan"]


def test_after_a_whole_run_everything_is_graded_again_or_only_what_changed(tmp_path):
    run(tmp_path, "ada", "bob")
    assert run(tmp_path, "ada", "bob", "cem", changed=True) == ["cem"]
    assert run(tmp_path, "ada", "bob") == ["ada", "bob"]
    assert run(tmp_path, "ada", changed=True, submission="2") == ["ada"]
    assert run(tmp_path, "ada", changed=True, submission="2", version="2") == ["ada"]
    assert run(tmp_path, "ada", changed=True, submission="2", version="2") == []


def test_a_run_that_could_not_even_start_leaves_everything_as_it_was(tmp_path):
    run(tmp_path, "ada")
    before = (tmp_path / RESULTS).read_bytes()
    with open_store(tmp_path, "hw1") as store:
        store.begin(changed=False)
    assert (tmp_path / RESULTS).read_bytes() == before
    assert run(tmp_path, "ada", changed=True) == []


def test_what_failed_by_our_fault_is_graded_again(tmp_path):
    with open_store(tmp_path, "hw1") as store:
        store.begin(changed=False)
        store.add(key("ada"), report("ada", status=Status.ERROR), 1.0)
        assert not store.entries["ada"].measured
        assert not store.has(key("ada"))
        store.add(key("ada"), report("ada"), 1.0)
        assert store.has(key("ada"))
        assert store.entries["ada"].measured
        assert store.report("ada") == report("ada")


def test_scores_are_compared_with_those_before_the_run_however_often_it_is_cut_short(tmp_path):
    run(tmp_path, "ada", "bob")
    with open_store(tmp_path, "hw1") as store:
        store.begin(changed=True)
        store.add(key("ada", "2"), report("ada", points=20), 1.0)
    with open_store(tmp_path, "hw1") as store:
        store.begin(changed=True)
        assert (store.before["ada"].score, store.entries["ada"].score) == (30, 20)
        assert (store.before["bob"].score, store.entries["bob"].score) == (30, 30)


@pytest.mark.parametrize("cut", [1, 500, -1])
def test_a_line_that_was_cut_off_is_dropped_and_its_submission_graded_again(tmp_path, cut):
    run(tmp_path, "ada", end=False)
    whole = (tmp_path / RESULTS).read_bytes()
    run(tmp_path, "bob", end=False)
    both = (tmp_path / RESULTS).read_bytes()
    line = both[len(whole) :]
    (tmp_path / RESULTS).write_bytes(whole + line[:cut])
    assert run(tmp_path, "ada", "bob", end=False) == ["bob"]
    lines = (tmp_path / RESULTS).read_bytes().splitlines()
    assert [json.loads(line).get("mark", "result") for line in lines] == ["all", "result", "result"]


@pytest.mark.parametrize(
    ("line", "said"),
    [(b"{}\n", "no result of ours"), (b"\n", "no result of ours"), (b"\x00" * 30 + b"\n", "no result")],
)
def test_a_line_that_nobody_wrote_stops_before_anything_is_graded(tmp_path, line, said):
    run(tmp_path, "ada")
    with open(tmp_path / RESULTS, "ab") as file:
        file.write(line)
    before = (tmp_path / RESULTS).read_bytes()
    with pytest.raises(BatchError, match=f"line 4: {said}.*Move it away"):
        run(tmp_path, "ada")
    assert (tmp_path / RESULTS).read_bytes() == before


def test_the_results_of_another_assignment_are_not_added_to(tmp_path):
    run(tmp_path, "ada")
    with pytest.raises(BatchError, match="line 1: it is of hw1, not of hw2"), open_store(tmp_path, "hw2"):
        pass


HOLD = """
import sys
from pathlib import Path
from grader.batch.store import open_store
with open_store(Path(sys.argv[1]), "hw1"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_two_graders_cannot_use_one_folder_and_a_dead_one_does_not_keep_it(tmp_path):
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(BatchError, match=r"Another grader is at work in .*--out"):
            run(tmp_path, "ada")
        other.kill()
    assert (tmp_path / LOCK).exists()
    assert run(tmp_path, "ada") == ["ada"]


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BatchError, match="out cannot be written"):
        run(tmp_path / "file/out", "ada")


class Full:
    """A file on a disk with room for so many bytes."""

    def __init__(self, file, room):
        self._file, self._room = file, room
        self.fileno, self.truncate = file.fileno, file.truncate

    def write(self, data):
        if not self._room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        part, self._room = data[: self._room], max(0, self._room - len(data))
        return self._file.write(part)


@pytest.mark.parametrize("room", [0, 1, 1000])
def test_a_full_disk_is_said_and_loses_no_result(tmp_path, room):
    run(tmp_path, "ada", end=False)
    before = (tmp_path / RESULTS).read_bytes()
    with open_store(tmp_path, "hw1") as store:
        store._out = Full(store._out, room)
        with pytest.raises(BatchError, match=r"No space left on device.*All results so far are kept"):
            store.add(key("bob"), report("bob"), 1.0)
        assert list(store.entries) == ["ada"]
    assert (tmp_path / RESULTS).read_bytes() == before
    assert run(tmp_path, "ada", "bob") == ["bob"]


def test_a_text_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    write_text(tmp_path / "scores.csv", "old")
    monkeypatch.setattr("pathlib.Path.replace", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "No space")))
    with pytest.raises(BatchError, match=r"scores\.csv cannot be written \(No space\)"):
        write_text(tmp_path / "scores.csv", "new")
    assert [path.name for path in tmp_path.iterdir()] == ["scores.csv"]
    assert (tmp_path / "scores.csv").read_text() == "old"


def test_on_a_disk_that_is_full_a_run_ends_with_an_error_and_goes_on_when_there_is_room(tmp_path):
    out, students = tmp_path / "out", [f"s{number}" for number in range(100)]
    with small_disk(out, "64k"):
        with pytest.raises(BatchError, match="No space left on device"):
            run(out, *students)
        with open_store(out, "hw1") as store:
            kept = list(store.entries)
        assert 10 < len(kept) < 100
        enlarge(out, "4m")
        assert run(out, *students) == students[len(kept) :]
