import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys

import pytest
from click.testing import CliRunner

import grader
from grader.build import build
from grader.cli import main, submissions
from grader.doctor import Diagnosis
from grader.grade import REFUSED, environment, grade_path
from grader.machine import Fact
from grader.model import Check, CheckResult, Report, Status, Task
from grader.report import STAMP
from grader.sandbox import launch
from tests.batch_course import CLASS, enlarge, hand_in, small_disk
from tests.course import REFERENCE, VARIANT, change, make_course, write
from tests.zips import link, made


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    root = make_course(tmp_path_factory.mktemp("built"))
    build(root, ["hw1"])
    return root


@pytest.fixture
def root(built, tmp_path):
    return shutil.copytree(built, tmp_path / "course")


def run(root, *arguments):
    """Exit status and all that is printed."""
    done = CliRunner().invoke(main, ["--course", str(root), *map(str, arguments)])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.output


def scores(text):
    """What the table of a class says."""
    return dict(re.findall(r"^(\w+) +(\d+ / \d+)", text, re.MULTILINE))


def test_version_and_help_need_no_course(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(main, ["--version"]).output.endswith(f"{grader.__version__}\n")
    assert "build" in CliRunner().invoke(main, ["-h"]).output


@pytest.mark.parametrize("arguments", [["build"], ["validate"], ["grade", "hw1", "x"], ["demo"]])
def test_outside_of_a_course_every_command_says_so(tmp_path, arguments):
    status, text = run(tmp_path, *arguments)
    assert status == 2
    assert text == f"{tmp_path} is in no course: neither it nor a folder above it holds assignments/ and solutions/\n"


@pytest.mark.parametrize("arguments", [["build", "hw11"], ["validate", "hw11"], ["grade", "hw11", "x"]])
def test_an_unknown_assignment_gets_a_suggestion(root, arguments):
    status, text = run(root, *arguments)
    assert status == 2
    assert "no assignment 'hw11'" in text
    assert "did you mean 'hw1'?" in text


def test_the_course_is_the_one_around_the_current_folder(root, monkeypatch):
    monkeypatch.chdir(root / "solutions/hw1")
    done = CliRunner().invoke(main, ["build", "--check"])
    assert (done.exit_code, done.output) == (0, "Everything is in step.\n")


def test_build_check_names_what_is_out_of_step_and_writes_nothing(root):
    change(root / "solutions/hw1/vectors.py", "# Now scale it.", "# Scale it now.")
    before = (root / "assignments/hw1/vectors.py").read_text()
    status, text = run(root, "build", "--check")
    assert status == 1
    assert "assignments/hw1/vectors.py" in text
    assert text.endswith("generated files are out of step. Make them: grader build\n")
    assert (root / "assignments/hw1/vectors.py").read_text() == before


def test_build_makes_what_is_out_of_step(root):
    (root / "assignments/hw1/vectors.py").unlink()
    status, text = run(root, "build", "hw1")
    assert status == 0
    assert "assignments/hw1/vectors.py" in text
    assert run(root, "build") == (0, "Everything is in step.\n")


def test_a_source_that_cannot_be_read_is_named_with_file_and_line(root):
    change(
        root / "solutions/hw1/vectors.py", "    return [factor * x for x in v]\n    ### END SOLUTION\n", "    pass\n"
    )
    status, text = run(root, "build")
    assert status == 2
    assert "vectors.py:" in text


def test_validate_ends_well_for_a_course_that_is_right(root):
    status, text = run(root, "validate")
    assert status == 0, text
    lines = text.splitlines()
    assert lines[0].startswith("hw1 ──")
    assert [line.split()[0] for line in lines[1:-1]] == ["ok"] * 10
    assert lines[-1] == "All 10 as they should be."


def test_validate_ends_with_1_and_repeats_what_is_wrong(root):
    change(root / "solutions/hw1/mutants.toml", "TestNormMore::test_of_a_secret_vector", "TestNorm::test_of_nothing")
    status, text = run(root, "validate", "-q", "hw1")
    assert status == 1
    failures = [line for line in text.splitlines() if line.startswith("FAIL")]
    assert len(failures) == 1
    assert "survives TestNorm::test_of_nothing" in failures[0]
    assert "ok   " not in text
    assert text.endswith("Error: 1 of 10 are not as they should be:\nhw1: mutant no_root\n")


def test_a_file_is_graded_with_its_mistakes_explained(root, tmp_path):
    write(tmp_path / "vectors.py", REFERENCE.replace("math.sqrt(sum(x * x for x in v))", "sum(x * x for x in v)"))
    status, text = run(root, "grade", "hw1", tmp_path / "vectors.py")
    assert status == 0
    assert "vectors hw1" in text
    assert "22.5 / 30" in text
    assert "failed hidden check TestNormMore::test_of_a_secret_vector (task norm)" in text
    assert "Known mistake: This is the squared length: the root is missing." in text


@pytest.mark.parametrize("folder", ["submitted/ada/hw1", "submitted/ada"])
def test_a_folder_is_one_submission_named_after_its_student(root, folder):
    write(root / "submitted/ada/hw1/vectors.py", VARIANT)
    status, text = run(root, "grade", "hw1", root / folder)
    assert status == 0
    assert text.startswith("ada hw1\n")
    assert "90 / 90" in text


def test_a_folder_that_cannot_be_read_says_why(root):
    write(root / "submitted/ada/hw1/notes.txt", "later")
    status, text = run(root, "grade", "hw1", root / "submitted/ada/hw1")
    assert status == 0
    assert text.startswith("ada hw1\n")
    assert "0 / 90" in text
    assert text.count("Neither vectors.ipynb nor vectors.py was handed in") == 1


def test_a_class_is_graded_one_by_one_and_written_as_csv(root, tmp_path):
    write(root / "submitted/ada/hw1/vectors.py", VARIANT)
    write(root / "submitted/bob/hw1/vectors.py", "def norm(v):\n    return [red]\n")
    write(root / "submitted/notes.txt", "no student")
    write(root / "submitted/cem/vectors.py", VARIANT.replace("factor.__mul__", "lambda x: 1.0"))
    status, text = run(root, "grade", "hw1", root / "submitted", "--csv", tmp_path / "scores.csv")
    assert status == 0
    assert scores(text) == {"ada": "90 / 90", "bob": "0 / 90", "cem": "30 / 90"}
    assert "vectors 0/60" in text
    with (tmp_path / "scores.csv").open(newline="") as file:
        rows = {row["student"]: row for row in csv.DictReader(file)}
    whole = {"assignment": "hw1", "score": "90", "max_score": "90", "norm": "30", "vectors": "60"}
    assert list(rows) == ["ada", "bob", "cem"]
    whole["isolation"] = environment(True)["isolation"]
    assert rows["ada"] == {**whole, "student": "ada"}
    assert rows["cem"] == {**whole, "student": "cem", "score": "30", "vectors": "0"}


def test_open_points_are_empty_cells_and_exit_status_1(root, tmp_path, monkeypatch):
    def ours(assignment, path, student):
        task = Task(name="norm", points=90)
        broken = CheckResult(check=Check(name="test_n", task="norm"), status=Status.ERROR, message="a bug of ours")
        return Report(student=student, assignment="hw1", tasks=(task,), results=(broken,))

    monkeypatch.setattr("grader.grade.grade_path", ours)
    status, text = run(root, "grade", "hw1", root / "solutions/hw1", "--csv", tmp_path / "scores.csv")
    assert status == 1
    assert "a bug of ours" in text
    assert (tmp_path / "scores.csv").read_text().splitlines()[1] == "solutions,hw1,0,90,,"


@pytest.fixture
def at(monkeypatch):
    """Asks for a level of isolation, for the rest of a test."""

    def ask(level):
        launch.close()
        monkeypatch.setenv(launch.VARIABLE, level)

    yield ask
    launch.close()


def test_without_isolation_nothing_is_graded_unless_that_is_accepted(root, tmp_path, at):
    at("E")
    write(tmp_path / "vectors.py", f"open({str(tmp_path / 'ran')!r}, 'w')\n{VARIANT}")
    assert run(root, "grade", "hw1", tmp_path / "vectors.py") == (2, REFUSED + "\n")
    assert not (tmp_path / "ran").exists()
    status, text = run(root, "grade", "hw1", tmp_path / "vectors.py", "--accept-unsandboxed")
    assert status == 0
    assert "90 / 90" in text
    assert "isolation: UNSANDBOXED, level E" in text
    assert STAMP in text


def test_a_level_that_is_not_to_be_had_is_said_before_anything_is_graded(root, at):
    at("F")
    status, text = run(root, "grade", "hw1", root / "solutions/hw1", "--accept-unsandboxed")
    assert (status, text) == (2, "GRADER_SANDBOX is 'F'; a level is one of A, B, C, D, E\n")


@pytest.mark.parametrize("good", [True, False])
def test_the_doctor_ends_with_1_where_something_is_broken(root, monkeypatch, good):
    seen = []

    def found(where):
        seen.append(where)
        fact = Fact(name="level", value="[red]E", good=good, advice="Do that.")
        return Diagnosis(chapters={"sandbox": (fact,)}, attempts=())

    monkeypatch.setattr("grader.doctor.diagnose", found)
    status, text = run(root, "doctor")
    assert status == (0 if good else 1)
    assert "[red]E" in text
    assert "→ Do that." in text
    run(root.parent, "doctor")
    assert seen == [root, None]


def test_a_path_that_is_not_there_is_named(root, tmp_path):
    status, text = run(root, "grade", "hw1", tmp_path / "nowhere")
    assert status == 2
    assert f"there is no {tmp_path / 'nowhere'}" in " ".join(text.split())


def test_a_csv_that_cannot_be_written_is_noticed_before_the_grading(root, tmp_path):
    status, text = run(root, "grade", "hw1", root / "solutions/hw1", "--csv", tmp_path / "nowhere/scores.csv")
    assert status == 2
    assert "there is no folder" in text
    assert "90 / 90" not in text


def test_a_folder_without_submissions_is_named(root, tmp_path):
    (tmp_path / "empty").mkdir()
    status, text = run(root, "grade", "hw1", tmp_path / "empty")
    assert status == 2
    assert "holds no submission" in text


def test_the_demo_refuses_a_folder_that_it_did_not_make(root, tmp_path):
    write(tmp_path / "mine/thesis.tex", "years of work")
    status, text = run(root, "demo", "hw1", "--into", tmp_path / "mine")
    assert status == 2
    assert "no demo made it" in text
    assert (tmp_path / "mine/thesis.tex").read_text() == "years of work"


def test_one_student_cannot_hand_in_under_the_name_of_another(root, tmp_path):
    (tmp_path / "eve.zip").write_bytes(made(("ada_1_1_vectors.py", "x = 1"), ("eve_2_2_vectors.py", VARIANT)))
    (tmp_path / "ada.zip").write_bytes(made(("hw1/vectors.py", VARIANT)))
    status, text = run(root, "grade", "hw1", tmp_path / "ada.zip", tmp_path / "eve.zip")
    assert status == 2
    assert "ada: handed in by more than one of these. Name each student's work once." in text


# Zips


def test_the_download_of_a_platform_is_a_class(root, tmp_path):
    link_to_solution = link("eve_3_13_vectors.py", str(root / "solutions/hw1/vectors.py"))
    data = made(
        ("doejane_1_11_vectors.py", VARIANT),
        ("roebob_LATE_2_12_hw1.zip", made(("hw1/vectors.py", VARIANT))),
        link_to_solution,
        ("solution.py", VARIANT),
    )
    (tmp_path / "submissions.zip").write_bytes(data)
    status, text = run(root, "grade", "hw1", tmp_path / "submissions.zip")
    assert status == 0
    assert scores(text)["doejane"] == "90 / 90"
    assert scores(text)["roebob"] == "90 / 90"
    assert scores(text)["eve"] == "0 / 90"
    assert "because of a file in it: eve_3_13" in text
    assert "submissions.zip: solution.py was left aside, because nothing says whose it is" in text


def test_the_zip_of_one_student_is_one_submission(root, tmp_path):
    (tmp_path / "ada.zip").write_bytes(made(("hw1/vectors.py", VARIANT)))
    status, text = run(root, "grade", "hw1", tmp_path / "ada.zip")
    assert (status, text.split()[:2]) == (0, ["ada", "hw1"])
    assert "90 / 90" in text


def test_in_a_folder_each_zip_is_a_student_and_cannot_be_a_class(root, tmp_path):
    folder = tmp_path / "all"
    folder.mkdir()
    (folder / "ada.zip").write_bytes(made(("vectors.py", VARIANT)))
    (folder / "eve.zip").write_bytes(made(("bob_1_1_vectors.py", VARIANT), ("ada_2_2_vectors.py", "x = 1")))
    (folder / "mal").symlink_to(root / "solutions/hw1")
    assert [student for student, _ in submissions(folder, "hw1")] == ["ada", "eve", "mal"]
    status, text = run(root, "grade", "hw1", folder)
    assert status == 0
    assert scores(text)["ada"] == "90 / 90"
    assert scores(text)["eve"] == "0 / 90"
    assert scores(text)["mal"] == "0 / 90"


@pytest.mark.parametrize(("data", "said"), [(b"no zip", "is no zip that can be read"), (made(), "holds no submission")])
def test_a_zip_without_a_submission_is_named(root, tmp_path, data, said):
    (tmp_path / "all.zip").write_bytes(data)
    status, text = run(root, "grade", "hw1", tmp_path / "all.zip")
    assert status == 2
    assert said in " ".join(text.split())


def test_a_pipe_is_neither_read_nor_waited_for(root, tmp_path):
    os.mkfifo(tmp_path / "vectors.py")
    status, text = run(root, "grade", "hw1", tmp_path / "vectors.py")
    assert status == 0
    assert "There is no file vectors.py" in text


# Classes


@pytest.fixture
def submitted(root):
    return hand_in(root / "submitted", CLASS)


def test_a_class_is_kept_in_the_course_folder_unless_another_is_named(root, submitted, tmp_path):
    status, text = run(root, "grade", "hw1", submitted, "--jobs", "1")
    assert status == 0
    assert text.splitlines()[-1] == f"Results and scores: {root / 'graded/hw1'}"
    assert sorted(path.name for path in (root / "graded/hw1").iterdir()) == ["lock", "results.jsonl", "scores.csv"]
    status, _ = run(root, "grade", "hw1", submitted, "--jobs", "2", "--out", tmp_path / "out")
    assert status == 0
    assert (tmp_path / "out/scores.csv").read_text() == (root / "graded/hw1/scores.csv").read_text()


def test_one_submission_leaves_no_file_unless_that_is_asked_for(root, tmp_path):
    write(tmp_path / "vectors.py", VARIANT)
    run(root, "grade", "hw1", tmp_path / "vectors.py")
    assert not (root / "graded").exists()
    status, text = run(root, "grade", "hw1", tmp_path / "vectors.py", "--out", tmp_path / "out")
    assert (status, scores(text)) == (0, {"vectors": "90 / 90"})
    assert (tmp_path / "out/results.jsonl").exists()


def test_changed_grades_what_changed_and_says_what_that_did_to_scores(root, submitted):
    run(root, "grade", "hw1", submitted, "--jobs", "1")
    write(submitted / "fay/hw1/vectors.py", VARIANT)
    status, text = run(root, "grade", "hw1", submitted, "--changed", "--jobs", "1")
    assert status == 0
    assert "fay: 0 → 90 (norm 0 → 30, vectors 0 → 60)" in text
    assert "Graded 1 of 6 submissions" in text
    assert "5 results were there already and are still right" in text


def test_open_points_of_a_class_are_exit_status_1(root, submitted, monkeypatch):
    monkeypatch.setattr("grader.batch.unit.grade_path", lambda *_: 1 / 0)
    status, text = run(root, "grade", "hw1", submitted, "--jobs", "1")
    assert status == 1
    assert "Could not be graded, through no fault of theirs: ada (Grading this submission failed 3 times" in text


def test_ctrl_c_keeps_the_results_and_says_how_to_go_on(root, submitted, monkeypatch):
    def interrupted(assignment, handed, student):
        if student == "cem":
            raise KeyboardInterrupt
        return grade_path(assignment, handed, student)

    monkeypatch.setattr("grader.batch.unit.grade_path", interrupted)
    status, text = run(root, "grade", "hw1", submitted, "--jobs", "1")
    assert status == 130
    assert text == f"Stopped. 2 results are kept in {root / 'graded/hw1'}: the same command goes on.\n"
    monkeypatch.undo()
    status, text = run(root, "grade", "hw1", submitted, "--jobs", "1")
    assert status == 0
    assert "2 results were there already" in text


def test_jobs_and_a_scheduler_exclude_each_other(root, submitted):
    status, text = run(root, "grade", "hw1", submitted, "--jobs", "2", "--scheduler", "tcp://x:1")
    assert status == 2
    assert "give one of them" in text


def test_on_a_full_disk_the_command_fails_and_goes_on_when_there_is_room(root, submitted, tmp_path):
    _, whole = run(root, "grade", "hw1", submitted, "--jobs", "1")
    with small_disk(tmp_path / "out", "8k"):
        command = ["grade", "hw1", submitted, "--jobs", "1", "--out", tmp_path / "out"]
        status, text = run(root, *command)
        assert status == 2
        assert "No space left on device). All results so far are kept" in text
        enlarge(tmp_path / "out", "1m")
        status, text = run(root, *command)
        assert status == 0
        assert "results were there already" in text
        assert scores(text) == scores(whole)


def test_a_grader_that_is_killed_in_the_middle_ends_with_the_same_gradebook(root, submitted, tmp_path):
    for number in range(12):
        write(submitted / f"s{number:02}/hw1/vectors.py", VARIANT)
    start = [sys.executable, "-c", "from grader.cli import main; main()", "--course", root]
    command = [*start, "grade", "hw1", submitted, "--jobs", "2", "--out"]
    _, whole = run(root, "grade", "hw1", submitted, "--jobs", "1", "--out", tmp_path / "whole")
    with subprocess.Popen([*command, tmp_path / "out"], stdout=subprocess.DEVNULL) as grader:
        results = tmp_path / "out/results.jsonl"
        while not results.exists() or results.read_bytes().count(b"\n") < 4:
            assert grader.poll() is None
        grader.kill()
    kept = results.read_bytes().count(b"\n") - 1
    again = subprocess.run([*command, tmp_path / "out"], capture_output=True, text=True, check=True)
    assert f"{kept} results were there already" in again.stdout
    assert (tmp_path / "out/scores.csv").read_bytes() == (tmp_path / "whole/scores.csv").read_bytes()
    assert scores(again.stdout) == scores(whole)
    lines = [json.loads(line) for line in results.read_bytes().splitlines()]
    names = [line["key"]["student"] for line in lines if "key" in line]
    assert len(names) == len(set(names)) == 18


INTERRUPTED = """
import signal
import sys
from grader.cli import main

signal.signal(signal.SIGINT, signal.default_int_handler)  # also where these tests run in the background
main()
"""


def test_ctrl_c_ends_at_once_whatever_the_workers_do(root, tmp_path):
    endless = {f"s{number}": "while True:\n    pass\n" for number in range(4)}
    submitted = hand_in(root / "submitted", {"ada": VARIANT} | endless)
    command = [sys.executable, "-c", INTERRUPTED, "--course", root, "grade", "hw1", submitted, "--jobs", "2"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as grader:
        while b"ada" not in (results.read_bytes() if (results := root / "graded/hw1/results.jsonl").exists() else b""):
            assert grader.poll() is None
        grader.send_signal(signal.SIGINT)
        said = grader.stderr.read()
    assert grader.returncode == 130
    assert re.match(r"Stopped\. [01] results are kept in ", said)  # it may come while ada's is being kept
