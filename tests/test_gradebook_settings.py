import os
from pathlib import Path

import pytest
from nbgrader.apps import autogradeapp

from grader.errors import CourseError
from grader.gradebook.settings import read_settings

OURS = "from pathlib import Path\nfrom grader.gradebook import configure\nc = get_config()\nconfigure(c, Path(__file__).parent)\n"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """Settings of a user who has none."""
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path / "jupyter"))
    monkeypatch.setenv("JUPYTER_NO_CONFIG", "")
    monkeypatch.delenv("GRADER_EXCHANGE", raising=False)
    return tmp_path / "jupyter"


def course(tmp_path, source):
    root = tmp_path / "course"
    root.mkdir()
    (root / "nbgrader_config.py").write_text(source)
    return root


def test_a_configured_course_grades_our_way_and_names_its_folders(tmp_path):
    root = course(tmp_path, OURS + "c.CourseDirectory.course_id = 'dl'\nc.Exchange.root = '/srv/exchange'\n")
    before = autogradeapp.Autograde
    settings = read_settings(root)
    assert (settings.ours, settings.accepts) == (True, False)
    assert (settings.course, settings.exchange) == ("dl", Path("/srv/exchange"))
    assert settings.db_url == f"sqlite:///{root}/gradebook.db"
    assert settings.folders == tuple(root / name for name in ("solutions", "submitted", "autograded", "feedback"))
    assert autogradeapp.Autograde is before
    assert os.listdir(root) == ["nbgrader_config.py"]


def test_a_course_that_does_not_call_us_is_graded_by_nbgrader(tmp_path):
    assert not read_settings(course(tmp_path, "c = get_config()\n")).ours


def test_what_the_course_says_wins_over_the_user(tmp_path, home):
    home.mkdir()
    (home / "nbgrader_config.py").write_text(
        "c = get_config()\nc.CourseDirectory.course_id = 'mine'\nc.Autograde.accept_unsandboxed = True\n"
    )
    settings = read_settings(course(tmp_path, OURS + "c.CourseDirectory.course_id = 'dl'\n"))
    assert (settings.course, settings.accepts) == ("dl", True)


def test_a_module_beside_the_configuration_can_be_imported(tmp_path):
    root = course(tmp_path, OURS + "import late_days_of_this_course as late\nc.CourseDirectory.course_id = late.NAME\n")
    (root / "late_days_of_this_course.py").write_text("NAME = 'found'\n")
    assert read_settings(root).course == "found"


def test_no_configuration_is_an_error(tmp_path):
    with pytest.raises(CourseError, match=r"there is no nbgrader_config\.py in"):
        read_settings(tmp_path)


@pytest.mark.parametrize("source", ["1 / 0\n", "def (\n", "raise SystemExit\n"])
def test_a_configuration_that_cannot_be_executed_is_an_error(tmp_path, source):
    with pytest.raises(CourseError, match=r"nbgrader_config\.py cannot be executed: "):
        read_settings(course(tmp_path, source))
