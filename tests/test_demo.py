"""The demo on a tiny course: one real run of nbgrader's commands, and what is shown of it."""

import io
import shutil
import sys
from pathlib import Path

import pytest
from rich.console import Console

from grader import demo
from grader.assignment import load_assignment
from grader.build import build
from grader.demo import a_class, run_demo, show_results
from grader.errors import CourseError
from grader.sandbox.launch import Sandbox, current
from grader.sandbox.level import Level
from tests.course import make_course

LIMITS = "[limits]\ncall_seconds = 1\ncheck_seconds = 3\n"
FULL = {"ada", "cleo", "liam", "olga"}


def console(width=120, terminal=False):
    return Console(file=io.StringIO(), width=width, force_terminal=terminal, color_system=None, emoji=False)


def text_of(out):
    return out.file.getvalue()


def make_whole_course(root):
    settings = 'title = "Vectors"\nmodules = ["vectors"]\nseed = "a secret"\n' + LIMITS
    make_course(root, {"solutions/hw1/assignment.toml": settings})
    shutil.copy(Path(__file__).parent.parent / "nbgrader_config.py", root)
    build(root, ["hw1"])
    return root


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    return make_whole_course(tmp_path_factory.mktemp("course"))


@pytest.fixture(scope="module")
def demonstrated(course, tmp_path_factory):
    """The folder of a real run, and what was printed."""
    into, out = tmp_path_factory.mktemp("into") / "demo", console()
    run_demo(out, course, "hw1", into)
    return into, text_of(out)


def rows(text):
    """Student → the line of the closing table."""
    lines = text.partition("student  of 90  handed in")[2].partition("Automatic points")[0].splitlines()[1:]
    return {line.split()[0]: line for line in lines if line.strip()}


def test_every_student_of_the_class_has_a_score_and_a_reason(course, demonstrated):
    table = rows(demonstrated[1])
    assert list(table) == [pupil.name for pupil in a_class(load_assignment(course, "hw1"))]
    for name, line in table.items():
        assert (line.split()[1] == "90") == (name in FULL), line
        assert ("all checks passed" in line) == (name in FULL), line
    assert "(+1) not started" in table["ben"]
    assert "This is the squared length: the root is missing." in table["finn"]
    assert "SyntaxError" in table["kate"]
    assert "did not return within 1 s" in table["mona"]
    assert "ended its own process" in table["nils"]
    assert "no notebook that can be read" in table["paul"]
    assert "UTF-8" in table["quin"]
    assert "Neither vectors.ipynb nor vectors.py" in table["rosa"]


def test_every_step_is_said_and_files_to_look_at_are_there(demonstrated):
    into, text = demonstrated
    for step in ("generate_assignment hw1", "autograde hw1", "generate_feedback hw1", "export --to=grades.csv"):
        assert f"ok   nbgrader {step}" in text
        assert (into / f"nbgrader-{step.split()[0]}.log").is_file()
    assert "13 students handed in" in text
    assert f"     sandbox: level {current().level.label}\n" in text
    assert (into / "grades.csv").is_file()
    assert len(list(into.glob("feedback/*/hw1/*.html"))) == 13


@pytest.mark.parametrize("level", [Level.A, Level.E])
def test_its_own_class_is_graded_without_isolation_too(course, tmp_path, monkeypatch, level):
    commands, out = [], console()
    monkeypatch.setattr(demo, "current", lambda: Sandbox(level))
    monkeypatch.setattr(demo, "_command", lambda console, course, *arguments, **counted: commands.append(arguments))
    monkeypatch.setattr(demo, "show_results", lambda *shown: None)
    run_demo(out, course, "hw1", tmp_path / "demo")
    accepted = ("--Autograde.accept_unsandboxed=True",) if level is Level.E else ()
    assert ("autograde", "hw1", *accepted) in commands
    assert f"sandbox: level {level.label}" in text_of(out)


@pytest.mark.parametrize("width", [80, 100, 200])
def test_student_score_and_reason_are_there_however_narrow_the_terminal(course, demonstrated, width):
    into, _ = demonstrated
    assignment, out = load_assignment(course, "hw1"), console(width)
    pupils = list(a_class(assignment))
    show_results(out, into, assignment, pupils)
    table = rows(text_of(out))
    assert list(table) == [pupil.name for pupil in pupils]
    assert all(len(line) <= width for line in table.values())
    for name, said in {
        "ada": "all checks passed",
        "finn": "This is the squared len",
        "rosa": "(+1) Neither vectors.ip",
    }.items():
        assert said in table[name]


def test_a_student_without_a_graded_notebook_is_shown_as_not_graded(course, demonstrated):
    out, assignment = console(), load_assignment(course, "hw1")
    show_results(out, demonstrated[0], assignment, [demo.Pupil(name="zoe", story="was ill", files={})])
    assert rows(text_of(out))["zoe"].split() == ["zoe", "0", "was", "ill", "not", "graded"]


def test_a_demo_is_made_anew_in_its_own_folder(course, tmp_path):
    into = tmp_path / "demo"
    first = demo._fresh(course, into)
    (first / "gradebook.db").touch()
    assert demo._fresh(course, into) == first
    assert not (first / "gradebook.db").exists()
    assert (first / "solutions/hw1/vectors.py").is_file()


def test_a_folder_that_no_demo_made_is_left_alone(course, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(CourseError, match="no demo made it"):
        run_demo(console(), course, "hw1", tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_course_that_lacks_a_part_is_named(tmp_path):
    root = make_course(tmp_path / "course")
    with pytest.raises(CourseError, match="release is missing; the demo needs a whole course folder"):
        run_demo(console(), root, "hw1", tmp_path / "demo")


def test_a_course_that_is_out_of_step_is_not_shown(course, tmp_path):
    root = shutil.copytree(course, tmp_path / "course")
    (root / "assignments/hw1/vectors.py").unlink()
    with pytest.raises(CourseError, match=r"Make them: grader build\n.*assignments/hw1/vectors.py"):
        run_demo(console(), root, "hw1", tmp_path / "demo")


@pytest.fixture
def instead_of_nbgrader(monkeypatch, tmp_path):
    """Run a shell script in the place of nbgrader."""

    def put(script):
        program = tmp_path / "python"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(program))

    return put


def test_a_command_that_fails_shows_the_end_of_its_log(instead_of_nbgrader, tmp_path):
    instead_of_nbgrader('for i in 1 2 3; do echo "line $i of $*"; done; exit 3')
    with pytest.raises(
        CourseError, match=r"(?s)nbgrader export failed.*nbgrader-export.log.*line 3 of -m nbgrader export"
    ):
        demo._command(console(), tmp_path, "export")


@pytest.mark.parametrize("terminal", [True, False])
def test_a_long_command_shows_how_far_it_is(instead_of_nbgrader, tmp_path, monkeypatch, terminal):
    monkeypatch.setattr(demo, "PLAIN_SECONDS", 0.0)
    instead_of_nbgrader("mkdir -p autograded/ada; touch autograded/ada/x.ipynb; sleep 1.2")
    out = console(terminal=terminal)
    demo._command(out, tmp_path, "autograde", "hw1", results="autograded/*/*.ipynb", of=18)
    assert "nbgrader autograde hw1 1 of 18 " in text_of(out)
    assert text_of(out).rstrip().endswith("s")


def test_plain_lines_of_progress_are_few(instead_of_nbgrader, tmp_path):
    instead_of_nbgrader("sleep 1.2")
    out = console()
    demo._command(out, tmp_path, "autograde", results="*", of=18)
    assert len(text_of(out).splitlines()) == 1


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (["norm: 30 of 30 points", "  ✓ of a unit vector"], ""),
        (["norm: 0 of 30 points", "  ✓ a", "  ✗ b (failed)", "      b is wrong", "      expected 1"], "b is wrong"),
        (["norm: 0 of 30 points", "  ✗ b (failed)", "  ✓ c"], "✗ b (failed)"),
        (["norm: 0 of 30 points", "  ✗ b (failed)"], "✗ b (failed)"),
        (["norm: 0 of 30 points", "  – b (not started)", "      not started: write it"], "not started"),
        (["norm: ? of 30 points", "  ? b (not measured)", "      no CIFAR-10 here"], "? b (not measured)"),
        (
            ["norm: 9 of 30 points", "  ✓ a", "  1 of 2 hidden checks passed (1 failed)"],
            "1 of 2 hidden checks passed (1 failed)",
        ),
        (["norm: 30 of 30 points", "  ✓ a", "  2 of 2 hidden checks passed"], ""),
        (["norm: 0 of 30 points", "  ✗ b (failed)", "      b is wrong", f"  {demo.HINT} no root"], "no root"),
    ],
)
def test_the_reason_is_the_first_trouble_of_a_check_cell(lines, reason):
    assert demo._reason(lines) == reason
