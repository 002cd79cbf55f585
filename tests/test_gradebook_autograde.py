"""`nbgrader autograde`, `generate_feedback` and `export` on a tiny course with a toy in the place of the grading."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import grader.gradebook.autograde as autograde_module
from grader.errors import NotStarted, SubmissionCrashed
from grader.grade import REFUSED
from grader.gradebook.feedback import OPEN
from grader.model import Assignment, Report, Submission
from grader.sandbox import launch
from tests.gradebook_course import (
    DOUBLE,
    HALF_DOUBLE,
    HALVE,
    HIDDEN,
    PUBLIC,
    answered,
    cell_of,
    course_in,
    graded,
    grades,
    hand_in,
    nbgrader,
    toy_grade,
    toy_grades,
    toy_results,
)


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return course_in(tmp_path, monkeypatch)


@pytest.fixture
def released(course: Path) -> Path:
    assert nbgrader("generate_assignment", "hw1") == 0
    return course


def test_every_submission_is_graded_alone_whatever_it_holds(released: Path) -> None:
    full = answered(released, double=DOUBLE, halve=HALVE, plot_it="my_plot()", why_it="Because I say so.")
    hand_in(released, "ada", tiny__ipynb=full)
    hand_in(released, "bob", tiny__py=f"{HALF_DOUBLE}\n\n\n{HALVE}\n")
    hand_in(released, "cem", tiny__ipynb="{ not a notebook")
    hand_in(released, "dot")
    hand_in(released, "eve", tiny__ipynb=full.replace('"schema_version": 3', '"schema_version": 99'))
    hand_in(released, "fay", tiny__ipynb=full.replace('"points": 40', '"points": 4000'))
    assert nbgrader("autograde", "hw1") == 0

    all_points = {"check_double": (40, False), "check_halve": (20, False)}
    by_hand = {"plot_it": (None, True), "why_it": (None, True)}
    nothing = {"check_double": (0, False), "check_halve": (0, False)}
    unanswered = {"plot_it": (0, False), "why_it": (0, False)}
    assert grades(released, "ada") == all_points | by_hand
    assert grades(released, "bob") == {"check_double": (20, False), "check_halve": (20, False)} | unanswered
    assert grades(released, "cem") == nothing | unanswered
    assert grades(released, "dot") == nothing | unanswered
    assert grades(released, "eve") == grades(released, "fay") == grades(released, "ada")
    assert cell_of(graded(released, "fay"), "check_double").metadata.nbgrader.points == 40
    assert "return x &#43; x" not in cell_of(graded(released, "bob"), "double").source
    assert cell_of(graded(released, "bob"), "double").source == HALF_DOUBLE
    assert "no tiny" in graded(released, "dot").cells[0].source.replace("&#46;", ".")


def test_a_run_again_replaces_scores_and_removes_feedback_of_the_last_one(released: Path) -> None:
    folder = hand_in(released, "ada", tiny__ipynb=answered(released, double=DOUBLE))
    assert nbgrader("autograde", "hw1") == 0
    assert nbgrader("generate_feedback", "hw1") == 0
    assert grades(released, "ada")["check_double"] == (40, False)
    before = (released / "autograded/ada/hw1/tiny.ipynb").stat().st_mtime_ns
    assert nbgrader("autograde", "hw1") == 0
    assert (released / "autograded/ada/hw1/tiny.ipynb").stat().st_mtime_ns == before, "nothing had changed"
    (folder / "tiny.ipynb").write_text(answered(released, double=HALF_DOUBLE))
    assert nbgrader("autograde", "hw1") == 0
    assert grades(released, "ada")["check_double"] == (20, False)
    assert not (released / "feedback/ada/hw1").exists()
    assert nbgrader("autograde", "hw1", "--force") == 0
    assert grades(released, "ada")["check_double"] == (20, False)


def test_an_error_of_ours_leaves_open_scores_and_lets_the_others_go_on(
    released: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = hand_in(released, "ada", tiny__py=DOUBLE)
    hand_in(released, "bob", tiny__py=HALVE)
    assert nbgrader("autograde", "hw1", "--student", "ada") == 0
    (folder / "tiny.py").write_text("raise OSError")
    assert nbgrader("autograde", "hw1") == 1
    said = capfd.readouterr().err
    assert "ada, hw1: " in said
    assert "the disk of the grader is full" in said
    assert grades(released, "ada")["check_double"] == grades(released, "ada")["check_halve"] == (None, True)
    assert OPEN in cell_of(graded(released, "ada"), "check_double").outputs[0].data["text/plain"]
    assert grades(released, "bob")["check_halve"] == (20, False)
    (folder / "tiny.py").write_text(DOUBLE)
    assert nbgrader("autograde", "hw1") == 0
    assert grades(released, "ada")["check_double"] == (40, False)


def test_what_could_not_be_measured_is_open_and_measured_on_the_next_run(
    released: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    hand_in(released, "ada", tiny__py=f"{DOUBLE}  # broken grader")
    assert nbgrader("autograde", "hw1") == 1
    assert "test_doubles, and 2 more checks could not be run" in capfd.readouterr().err
    assert grades(released, "ada")["check_double"] == (None, True)
    assert OPEN in cell_of(graded(released, "ada"), "check_double").outputs[0].data["text/plain"]
    monkeypatch.setattr(
        autograde_module,
        "grade_folders",
        toy_grades(
            lambda folder, assignment, student: (
                None,
                Report(student="ada", assignment="hw1", tasks=assignment.tasks, results=toy_results(DOUBLE)),
            )
        ),
    )
    assert nbgrader("autograde", "hw1") == 0
    assert grades(released, "ada")["check_double"] == (40, False)


def test_a_score_that_a_person_gave_stays_and_is_marked_for_another_look(released: Path) -> None:
    from nbgrader.api import Gradebook

    hand_in(released, "ada", tiny__ipynb=answered(released, plot_it="my_plot()"))
    assert nbgrader("autograde", "hw1") == 0
    with Gradebook(f"sqlite:///{released}/gradebook.db", "tiny") as gradebook:
        grade = gradebook.find_grade("plot_it", "tiny", "hw1", "ada")
        grade.manual_score, grade.needs_manual_grade = 25, False
        gradebook.db.commit()
    assert nbgrader("autograde", "hw1", "--force") == 0
    with Gradebook(f"sqlite:///{released}/gradebook.db", "tiny") as gradebook:
        grade = gradebook.find_grade("plot_it", "tiny", "hw1", "ada")
        assert (grade.manual_score, grade.score, grade.needs_manual_grade) == (25, 25, True)


def test_feedback_shows_messages_escaped_and_hidden_checks_as_a_count(released: Path) -> None:
    text = answered(released, double=HALF_DOUBLE, why_it="<script>alert(2)</script>\n\n[x](javascript:alert(3)) $a<b$")
    hand_in(released, "ada", tiny__ipynb=text)
    hand_in(released, "bob", tiny__py=HALF_DOUBLE)
    assert nbgrader("autograde", "hw1") == 0
    assert nbgrader("generate_feedback", "hw1") == 0
    page = (released / "feedback/ada/hw1/tiny.html").read_text()
    assert "0 of 1 hidden checks passed" in page
    assert "&lt;script&gt;alert(1)" in page
    assert "javascript:alert" not in page.lower()
    for folder in (released / "feedback", released / "autograded"):
        for path in folder.rglob("*"):
            text = path.read_text() if path.is_file() else path.name
            assert HIDDEN not in text
            assert HIDDEN.replace("_", " ") not in text
            assert "the reference" not in text
            assert "<script>alert" not in text or path.suffix == ".ipynb"
    names = {path.name for path in (released / "feedback/bob/hw1").iterdir()}
    assert names == {"tiny.html", "tiny.py", "timestamp.txt", "submission_secret.txt"}


def test_the_export_holds_what_was_graded(released: Path) -> None:
    hand_in(released, "ada", tiny__py=DOUBLE)
    assert nbgrader("autograde", "hw1") == 0
    assert nbgrader("export", "--to", "out.csv") == 0
    header, row = (released / "out.csv").read_text().splitlines()
    line = dict(zip(header.split(","), row.split(","), strict=True))
    assert (line["student_id"], line["score"], line["max_score"]) == ("ada", "40.0", "100.0")


def test_a_forged_timestamp_is_set_aside(released: Path) -> None:
    folder = hand_in(released, "ada", tiny__py=DOUBLE, timestamp__txt="yesterday, I swear")
    assert nbgrader("autograde", "hw1") == 0
    assert not (folder / "timestamp.txt").exists()
    assert grades(released, "ada")["check_double"] == (40, False)


def test_checks_worth_something_else_than_released_are_refused(
    released: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    hand_in(released, "ada", tiny__py=DOUBLE)
    checks = PUBLIC.replace("points=40", "points=35").replace("points=20", "points=25")
    (released / "assignments/hw1/test_tiny.py").write_text(checks)
    assert nbgrader("autograde", "hw1") == 1
    assert "check_double: 35.0 against 40.0 points" in capfd.readouterr().err


def test_autograde_before_generate_says_so(course: Path, capfd: pytest.CaptureFixture[str]) -> None:
    hand_in(course, "ada", tiny__py=DOUBLE)
    assert nbgrader("autograde", "hw1") == 1
    assert "nbgrader generate_assignment hw1" in capfd.readouterr().err


def test_autograde_without_submissions_says_so(released: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert nbgrader("autograde", "hw1") == 1
    assert "no submission" in capfd.readouterr().err


def test_a_locked_gradebook_costs_that_submission_only(
    released: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import sqlite3

    import grader.gradebook.scores as scores

    hand_in(released, "ada", tiny__py=DOUBLE)
    hand_in(released, "bob", tiny__py=DOUBLE)
    lock = sqlite3.connect(released / "gradebook.db", isolation_level=None)

    def locking(folder: Path, assignment: Assignment, student: str) -> tuple[Submission | None, Report]:
        if student == "ada":
            lock.execute("BEGIN EXCLUSIVE")
        return toy_grade(folder, assignment, student)

    def unlocking(*arguments: Any, **options: Any) -> float:
        if arguments[0].student == "bob":
            lock.execute("ROLLBACK")
        return scores.open_submission(*arguments, **options)

    monkeypatch.setattr(autograde_module, "grade_folders", toy_grades(locking))
    monkeypatch.setattr(autograde_module, "open_submission", unlocking)
    assert nbgrader("autograde", "hw1") == 1
    lock.close()
    assert "The gradebook is locked by another program" in capfd.readouterr().err
    assert set(grades(released, "ada").values()) == {(None, True)}
    assert grades(released, "bob")["check_double"] == (40, False)


def test_formgraders_button_grades_the_same_way(released: Path) -> None:
    from nbgrader.apps.api import NbGraderAPI
    from nbgrader.coursedir import CourseDirectory
    from traitlets.config import Config

    config = Config()
    config.CourseDirectory.root = str(released)
    config.CourseDirectory.source_directory = "solutions"
    config.CourseDirectory.course_id = "tiny"
    hand_in(released, "ada", tiny__py=DOUBLE)
    hand_in(released, "bob", tiny__py="raise OSError")
    api = NbGraderAPI(coursedir=CourseDirectory(config=config), config=config)
    assert api.autograde("hw1", "ada")["success"]
    assert not api.autograde("hw1", "bob")["success"]
    assert "the disk of the grader is full" in api.autograde("hw1", "bob")["log"]
    assert grades(released, "ada")["check_double"] == (40, False)
    assert grades(released, "bob")["check_double"] == (None, True)


@pytest.fixture
def unsandboxed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine on which submissions cannot be kept apart."""
    launch.close()
    monkeypatch.setenv(launch.VARIABLE, "E")
    yield
    launch.close()


def nothing_is_graded(course: Path) -> bool:
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{course}/gradebook.db", "tiny") as gradebook:
        return not gradebook.students and not (course / "autograded").exists()


@pytest.mark.usefixtures("unsandboxed")
def test_without_isolation_nothing_is_touched_unless_that_is_accepted(
    released: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    hand_in(released, "ada", tiny__py=DOUBLE)
    assert nbgrader("autograde", "hw1") == 1
    assert REFUSED in capfd.readouterr().err
    assert nothing_is_graded(released)
    assert nbgrader("autograde", "hw1", "--Autograde.accept_unsandboxed=True") == 0
    assert grades(released, "ada")["check_double"] == (40, False)


@pytest.mark.usefixtures("unsandboxed")
def test_formgraders_button_refuses_likewise_and_the_configuration_can_accept(released: Path) -> None:
    from nbgrader.apps.api import NbGraderAPI
    from nbgrader.coursedir import CourseDirectory
    from traitlets.config import Config

    hand_in(released, "ada", tiny__py=DOUBLE)
    config = Config()
    config.CourseDirectory.root = str(released)
    config.CourseDirectory.course_id = "tiny"
    config.CourseDirectory.db_url = f"sqlite:///{released}/gradebook.db"
    api = NbGraderAPI(coursedir=CourseDirectory(config=config), config=config)
    refused = api.autograde("hw1", "ada")
    assert not refused["success"]
    assert REFUSED in refused["log"]
    assert nothing_is_graded(released)
    config.Autograde.accept_unsandboxed = True
    assert NbGraderAPI(coursedir=CourseDirectory(config=config), config=config).autograde("hw1", "ada")["success"]


def test_a_level_that_is_not_to_be_had_is_said_before_anything_is_touched(
    released: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    hand_in(released, "ada", tiny__py=DOUBLE)
    launch.close()
    monkeypatch.setenv(launch.VARIABLE, "F")
    assert nbgrader("autograde", "hw1", "--Autograde.accept_unsandboxed=True") == 1
    said = capfd.readouterr().err
    assert "GRADER_SANDBOX is 'F'; a level is one of A, B, C, D, E" in said
    assert "Traceback" not in said
    assert nothing_is_graded(released)


def test_the_graded_notebook_says_how_far_the_submission_was_isolated(
    released: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def isolated(folder: Path, assignment: Assignment, student: str) -> tuple[Submission | None, Report]:
        submission, report = toy_grade(folder, assignment, student)
        return submission, replace(report, environment={"isolation": "level B"})

    monkeypatch.setattr(autograde_module, "grade_folders", toy_grades(isolated))
    hand_in(released, "ada", tiny__py=DOUBLE)
    assert nbgrader("autograde", "hw1") == 0
    notebook = graded(released, "ada")
    assert notebook.metadata.grader.environment == {"isolation": "level B"}
    assert "isolation: level B" in notebook.cells[0].source


def test_late_work_costs_what_the_late_submission_plugin_says(released: Path) -> None:
    import datetime

    from nbgrader.api import Gradebook

    hand_in(released, "ada", tiny__py=DOUBLE, timestamp__txt="2026-02-03 11:00:00 UTC")
    with Gradebook(f"sqlite:///{released}/gradebook.db", "tiny") as gradebook:
        gradebook.update_or_create_assignment("hw1", duedate=datetime.datetime(2026, 2, 3, 10))
    assert nbgrader("autograde", "hw1") == 0
    with Gradebook(f"sqlite:///{released}/gradebook.db", "tiny") as gradebook:
        assert gradebook.find_submission("hw1", "ada").total_seconds_late == 3600
        assert gradebook.find_submission_notebook("tiny", "hw1", "ada").late_submission_penalty is None
    option = "--LateSubmissionPlugin.penalty_method=zero"
    assert nbgrader("autograde", "hw1", "--force", option) == 0
    with Gradebook(f"sqlite:///{released}/gradebook.db", "tiny") as gradebook:
        assert gradebook.find_submission_notebook("tiny", "hw1", "ada").late_submission_penalty == 40


def test_an_interrupted_run_leaves_open_scores(released: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hand_in(released, "ada", tiny__py=DOUBLE)
    assert nbgrader("autograde", "hw1") == 0

    def interrupted(work: Iterator[tuple[str, Path]], *_: Any) -> Iterator[None]:
        yield from (stopped() for _ in work)

    def stopped() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(autograde_module, "grade_folders", interrupted)
    with pytest.raises(KeyboardInterrupt):
        nbgrader("autograde", "hw1", "--force")
    assert grades(released, "ada")["check_double"] == (None, True)
    assert not (released / "autograded/ada/hw1").exists()


def test_excluded_students_are_left_alone(released: Path) -> None:
    hand_in(released, "ada", tiny__py=DOUBLE)
    hand_in(released, "bob", tiny__py=DOUBLE)
    assert nbgrader("autograde", "hw1", "--CourseDirectory.student_id_exclude=bob") == 0
    assert sorted(path.name for path in (released / "autograded").iterdir()) == ["ada"]


def test_a_release_that_is_gone_or_broken_is_refused(released: Path, capfd: pytest.CaptureFixture[str]) -> None:
    hand_in(released, "ada", tiny__py=DOUBLE)
    for spoil in (lambda path: path.write_text("{"), lambda path: path.unlink()):
        spoil(released / "release/hw1/tiny.ipynb")
        assert nbgrader("autograde", "hw1") == 1
        assert "cannot be read" in capfd.readouterr().err


def test_an_assignment_of_two_modules_has_two_notebooks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nbgrader.api import Gradebook

    from grader.build import build
    from grader.model import Check, CheckResult, Status
    from tests.course import make_two_module_course

    root = make_two_module_course(tmp_path / "two")
    settings = 'title = "Two"\nmodules = ["vectors", "kernels"]\nseed = "a secret"\n'
    (root / "solutions/hw1/assignment.toml").write_text(settings)
    build(root, ["hw1"])
    config = "from pathlib import Path\nfrom grader.gradebook import configure\nc = get_config()\n"
    (root / "nbgrader_config.py").write_text(f"{config}configure(c, Path(__file__).parent)\n")
    monkeypatch.chdir(root)

    def dot_only(folder: Path, assignment: Assignment, student: str) -> tuple[None, Report]:
        results = tuple(
            CheckResult(
                check=Check(name=f"test_{task.name}", task=task.name),
                status=Status.PASSED if task.name == "dot" else Status.FAILED,
            )
            for task in assignment.tasks
        )
        return None, Report(student=student, assignment="hw1", tasks=assignment.tasks, results=results)

    monkeypatch.setattr(autograde_module, "grade_folders", toy_grades(dot_only))
    hand_in(root, "ada")
    assert nbgrader("generate_assignment", "hw1") == 0
    assert nbgrader("autograde", "hw1") == 0
    with Gradebook(f"sqlite:///{root}/gradebook.db", "") as gradebook:
        scores = {n.name: (n.score, n.max_score) for n in gradebook.find_submission("hw1", "ada").notebooks}
    assert scores == {"vectors": (0, 80), "kernels": (20, 20)}


def test_a_penalty_that_cannot_be_worked_out_leaves_open_scores(
    released: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError("the plugin divides by zero")

    monkeypatch.setattr(autograde_module.AssignLatePenalties, "preprocess", broken)
    opened = autograde_module.open_submission
    monkeypatch.setattr(autograde_module, "open_submission", lambda *at, **options: opened(*at, **options) + 3600)
    hand_in(released, "ada", tiny__py=DOUBLE)
    assert nbgrader("autograde", "hw1") == 1
    assert "ada, hw1: the plugin divides by zero" in capfd.readouterr().err
    assert grades(released, "ada")["check_double"] == (None, True)


@pytest.mark.parametrize("escaped", [SubmissionCrashed("gone"), NotStarted("stub")])
def test_an_exception_that_escapes_a_check_stops_that_submission_only(
    released: Path, monkeypatch: pytest.MonkeyPatch, escaped: BaseException
) -> None:
    def one_escapes(folder: Path, assignment: Assignment, student: str) -> tuple[Submission | None, Report]:
        if student == "ada":
            raise escaped
        return toy_grade(folder, assignment, student)

    monkeypatch.setattr(autograde_module, "grade_folders", toy_grades(one_escapes))
    hand_in(released, "ada", tiny__py=DOUBLE)
    hand_in(released, "bob", tiny__py=DOUBLE)
    assert nbgrader("autograde", "hw1") == 1
    assert grades(released, "bob")["check_double"] == (40, False)
