from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nbgrader.apps.api
import nbgrader.apps.autogradeapp
import nbgrader.apps.generateassignmentapp
import pytest
from traitlets.config import Config

from grader.gradebook import configure
from grader.gradebook.autograde import Autograde
from grader.gradebook.install import install
from grader.gradebook.release import GenerateAssignment
from tests.gradebook_course import DOUBLE, grades, hand_in, make_course


def test_the_course_folder_is_that_of_the_config_file_wherever_the_command_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    c = Config()
    configure(c, tmp_path)
    assert c.CourseDirectory.root == str(tmp_path)
    assert (c.CourseDirectory.source_directory, c.CourseDirectory.release_directory) == ("solutions", "release")


def test_the_exchange_is_nbgraders_own_unless_the_environment_names_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GRADER_EXCHANGE", raising=False)
    c = Config()
    configure(c, tmp_path)
    assert "root" not in c.Exchange
    monkeypatch.setenv("GRADER_EXCHANGE", str(tmp_path / "exchange"))
    configure(c, tmp_path)
    assert c.Exchange.root == str(tmp_path / "exchange")


def test_students_may_hand_in_modules(tmp_path: Path) -> None:
    from nbgrader.utils import ignore_patterns

    c = Config()
    configure(c, tmp_path)
    ignored = ignore_patterns(exclude=c.CourseDirectory.ignore, include=["*"])
    assert ignored(str(tmp_path), ["linear.py", "linear.ipynb", "README.md"]) == []


def test_both_the_commands_and_formgrader_use_our_converters() -> None:
    install()
    install()
    assert nbgrader.apps.api.Autograde is nbgrader.apps.autogradeapp.Autograde is Autograde
    assert nbgrader.apps.api.GenerateAssignment is GenerateAssignment
    assert nbgrader.apps.generateassignmentapp.GenerateAssignment is GenerateAssignment


def test_an_nbgrader_laid_out_otherwise_fails_loudly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(nbgrader.apps.autogradeapp, "Autograde")
    with pytest.raises(AttributeError, match="Autograde"):
        install()


def test_the_course_of_this_project_can_be_read_by_nbgrader() -> None:
    from traitlets.config.loader import PyFileConfigLoader

    root = Path(__file__).parents[1]
    c = PyFileConfigLoader("nbgrader_config.py", path=str(root)).load_config()
    assert c.CourseDirectory.root == str(root)
    assert c.CourseDirectory.course_id == "deep-learning"


def test_the_commands_work_from_a_shell_where_no_environment_is_activated(tmp_path: Path) -> None:
    course = make_course(tmp_path / "course")
    with (course / "nbgrader_config.py").open("a") as config:
        config.write("import grader.gradebook.autograde\nfrom tests.gradebook_course import toy_grades\n")
        config.write("grader.gradebook.autograde.grade_folders = toy_grades()\n")
    hand_in(course, "ada", tiny__py=DOUBLE)
    program = Path(sys.executable).with_name("nbgrader")
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[1])}
    for command in ("generate_assignment", "autograde"):
        done = subprocess.run([program, command, "hw1"], cwd=course, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    assert grades(course, "ada")["check_double"] == (40, False)
