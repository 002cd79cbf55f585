import io
import shutil
from collections import Counter

import pytest
from rich.console import Console

from grader.batch import unit as unit_module
from grader.batch.course import changes, grade_class
from grader.batch.engine import Where
from grader.batch.progress import Watch
from grader.batch.store import open_store
from grader.errors import BatchError
from grader.grade import grade_path
from tests.batch_course import CLASS, deadly_course, hand_in
from tests.course import VARIANT, change, write


@pytest.fixture
def assignment(tmp_path):
    return deadly_course(tmp_path)


@pytest.fixture
def found(tmp_path):
    folder = hand_in(tmp_path / "submitted", {name: CLASS[name] for name in ("ada", "bob", "cem")})
    return [(path.name, path / "hw1") for path in sorted(folder.iterdir())]


@pytest.fixture
def graded(monkeypatch):
    """Who is graded, in order; and after how many this process is interrupted."""

    class Graded(list):
        stop_after = None

    names = Graded()

    def note(assignment, handed, student):
        if len(names) == names.stop_after:
            raise KeyboardInterrupt
        names.append(student)
        return grade_path(assignment, handed, student)

    monkeypatch.setattr(unit_module, "grade_path", note)
    return names


def run(assignment, found, out, *, changed=False):
    """What is kept afterwards: score by student, what changed, the summary."""
    watch = Watch(Console(file=io.StringIO()), len(found))
    with open_store(out, "hw1") as store:
        grade_class(assignment, found, store, Where(), watch, changed=changed)
        students = [student for student, _ in found]
        scores = {student: store.report(student).score for student in students}
        return scores, list(changes(store, students)), next(watch.summary())


def test_a_class_has_its_results_in_the_store(assignment, found, tmp_path, graded):
    scores, changed, summary = run(assignment, found, tmp_path / "out")
    assert scores == {"ada": 90, "bob": 90, "cem": 82.5}
    assert graded == ["ada", "bob", "cem"]
    assert changed == []
    assert summary.startswith("Graded 3 of 3 submissions")


def test_a_run_that_was_interrupted_goes_on_and_ends_with_the_same_gradebook(assignment, found, tmp_path, graded):
    expected, _, _ = run(assignment, found, tmp_path / "whole")
    graded.clear()
    graded.stop_after = 2
    with pytest.raises(KeyboardInterrupt):
        run(assignment, found, tmp_path / "out")
    graded.stop_after = None
    scores, _, summary = run(assignment, found, tmp_path / "out")
    assert scores == expected
    assert Counter(graded) == {"ada": 1, "bob": 1, "cem": 1}
    assert "2 results were there already" in summary


def test_without_changed_a_class_is_graded_again(assignment, found, tmp_path, graded):
    run(assignment, found, tmp_path / "out")
    run(assignment, found, tmp_path / "out")
    assert Counter(graded) == {"ada": 2, "bob": 2, "cem": 2}


def test_changed_grades_the_submission_that_changed_and_says_what_that_did(assignment, found, tmp_path, graded):
    run(assignment, found, tmp_path / "out")
    graded.clear()
    write(tmp_path / "submitted/bob/hw1/vectors.py", VARIANT.replace("math.hypot(*v)", "sum(v)"))
    write(tmp_path / "submitted/ada/hw1/holiday.txt", "nothing that is graded")
    scores, changed, _ = run(assignment, found, tmp_path / "out", changed=True)
    assert graded == ["bob"]
    assert scores == {"ada": 90, "bob": 82.5, "cem": 82.5}
    assert changed == ["bob: 90 → 82.5 (norm 30 → 22.5)"]


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("solutions/hw1/test_vectors_hidden.py", "== 5.0", "== 25.0"),
        ("solutions/hw1/assignment.toml", "a secret", "another"),
        ("solutions/hw1/vectors.py", "# Now scale it.", "# Scale it now."),
    ],
)
def test_changed_grades_everything_when_checks_seed_or_reference_changed(
    assignment, found, tmp_path, graded, file, old, new
):
    run(assignment, found, tmp_path / "out")
    change(assignment.root / file, old, new)
    scores, changed, _ = run(assignment, found, tmp_path / "out", changed=True)
    assert len(graded) == 6
    if "hidden" in file:
        assert scores == {"ada": 82.5, "bob": 82.5, "cem": 90}
        assert changed[0] == "ada: 90 → 82.5 (norm 30 → 22.5)"
    else:
        assert changed == []


def test_changed_with_nothing_changed_grades_nothing(assignment, found, tmp_path, graded):
    run(assignment, found, tmp_path / "out")
    scores, changed, _ = run(assignment, found, tmp_path / "out", changed=True)
    assert len(graded) == 3
    assert (scores, changed) == ({"ada": 90, "bob": 90, "cem": 82.5}, [])


def test_points_that_open_are_a_change(assignment, found, tmp_path, monkeypatch):
    run(assignment, found, tmp_path / "out")
    monkeypatch.setattr(unit_module, "grade_path", lambda *_: 1 / 0)
    _, changed, summary = run(assignment, found[:1], tmp_path / "out")
    assert changed == ["ada: 90 → 0 (norm 30 → open, vectors 60 → open)"]
    assert summary.startswith("Graded 0 of 1 submissions")


def test_a_course_that_changes_meanwhile_ends_the_run_and_the_next_grades_with_what_is_there(
    assignment, found, tmp_path, monkeypatch
):
    def meddle(assignment, handed, student):
        if student == "bob":
            change(assignment.root / "solutions/hw1/assignment.toml", "a secret", "another")
        return grade_path(assignment, handed, student)

    monkeypatch.setattr(unit_module, "grade_path", meddle)
    with pytest.raises(BatchError, match="hw1 was changed while it was graded: start again"):
        run(assignment, found, tmp_path / "out")
    monkeypatch.undo()
    scores, _, summary = run(assignment, found, tmp_path / "out")
    assert scores == {"ada": 90, "bob": 90, "cem": 82.5}
    assert "already" not in summary


def test_two_students_with_the_same_work_have_a_result_each(assignment, found, tmp_path):
    shutil.copytree(tmp_path / "submitted/ada", tmp_path / "submitted/zoe")
    scores, _, _ = run(assignment, [*found, ("zoe", tmp_path / "submitted/zoe/hw1")], tmp_path / "out")
    assert scores["zoe"] == scores["ada"] == 90
