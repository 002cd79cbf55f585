import os
import sys

import pytest

from grader.checkrun import run_checks
from grader.model import Cell, Status
from grader.run import Run

CHECKS = """\
import pytest


@pytest.mark.task("norm", points=6)
def test_norm(hw):
    assert hw.norm(3) == 3, "norm(3) is wrong"
"""


def run_in(folder, source="def norm(v):\n    return v\n", **options):
    """The run, and what kept checks from running."""
    run = Run(cells={"vectors": (Cell(filename="vectors.py", source=source),)}, in_process=True)
    return run, run_checks(run, sorted(folder.glob("test_*.py")), folder, **options)


def statuses(run):
    return {result.check.name: result.status for report in run.reports().values() for result in report.results}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "test_vectors.py").write_text(CHECKS)
    return tmp_path


def test_the_results_are_in_the_run(folder):
    run, problem = run_in(folder)
    assert problem == ""
    assert statuses(run) == {"test_norm": Status.PASSED}


def test_nothing_is_printed_and_nothing_is_left_in_the_folder(folder, capfd):
    run_in(folder, "def norm(v):\n    print('loud')\n    return 0\n")
    assert capfd.readouterr() == ("", "")
    assert {path.name for path in folder.iterdir()} <= {"test_vectors.py", "__pycache__"}


def test_settings_and_plugins_of_the_folder_and_the_environment_take_no_part(folder, monkeypatch):
    (folder / "conftest.py").write_text("raise RuntimeError\n")
    (folder / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option\n")
    monkeypatch.setenv("PYTEST_ADDOPTS", "--no-such-option")
    run, problem = run_in(folder)
    assert problem == ""
    assert statuses(run) == {"test_norm": Status.PASSED}
    assert os.environ["PYTEST_ADDOPTS"] == "--no-such-option"


def test_plugins_that_happen_to_be_installed_are_not_loaded_and_the_environment_is_as_it_was(folder, monkeypatch):
    (folder / "test_vectors.py").write_text(CHECKS + "\n\n@pytest.mark.task('norm')\ndef test_plugins(hw, pytestconfig):\n"
        "    names = [name for name, plugin in pytestconfig.pluginmanager.list_name_plugin() if plugin]\n"
        "    assert False, ' '.join(names)\n")  # fmt: skip
    for value in ("", "1"):
        monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", value)
        run, _ = run_in(folder)
        (message,) = [r.message for report in run.reports().values() for r in report.results if r.message]
        loaded = set(message.split())
        assert "grader" in loaded
        assert loaded.isdisjoint(
            {"xdist", "timeout", "hypothesispytest", "cacheprovider", "terminalreporter", "logging-plugin"}
        )
        assert os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] == value
    monkeypatch.delenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD")
    run_in(folder)
    assert "PYTEST_DISABLE_PLUGIN_AUTOLOAD" not in os.environ


def test_a_check_file_that_cannot_be_imported_is_told_and_the_others_run(folder):
    (folder / "test_more.py").write_text("import nowhere\n")
    run, problem = run_in(folder)
    assert problem == "test_more.py cannot be imported: ModuleNotFoundError: No module named 'nowhere'"
    assert statuses(run) == {"test_norm": Status.PASSED}


def test_what_could_not_be_imported_is_not_taken_from_memory_the_next_time(folder):
    (folder / "test_more.py").write_text(CHECKS.replace("test_norm", "test_half") + "\n\nimport nowhere\n")
    for _ in range(2):
        run, problem = run_in(folder)
        assert "No module named 'nowhere'" in problem
        assert "test_half" not in statuses(run)
    (folder / "test_more.py").write_text('"""No more."""\n')
    assert run_in(folder)[1] == ""


def test_a_check_file_that_was_changed_is_read_again(folder):
    run_in(folder)
    (folder / "test_vectors.py").write_text(CHECKS.replace("== 3", "== 4"))
    os.utime(folder / "test_vectors.py", ns=(1, 1))
    assert statuses(run_in(folder)[0]) == {"test_norm": Status.FAILED}


def test_an_unchanged_check_file_is_imported_once(folder):
    (folder / "test_vectors.py").write_text(CHECKS + "\nTIMES = []\n")
    run_in(folder)
    before = sys.modules["test_vectors"]
    run_in(folder)
    assert sys.modules["test_vectors"] is before


def test_two_folders_with_equal_names_are_not_mixed_up(folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    (other / "test_vectors.py").write_text(CHECKS.replace("test_norm", "test_other"))
    for place, name in ((folder, "test_norm"), (other, "test_other"), (folder, "test_norm")):
        assert list(statuses(run_in(place)[0])) == [name]


def test_an_option_that_pytest_refuses_is_told(folder, monkeypatch):
    monkeypatch.setattr("grader.checkrun.CONFIG", folder / "nowhere.ini")
    assert run_in(folder)[1].startswith("pytest ended with ")


def test_without_any_check_nothing_is_wrong(folder):
    (folder / "test_vectors.py").write_text('"""None yet."""\n')
    run, problem = run_in(folder)
    assert (statuses(run), problem) == ({}, "")


def test_time_outs_are_watched_where_that_is_asked_for(folder):
    (folder / "test_vectors.py").write_text(CHECKS.replace("def test", "@pytest.mark.timeout(0.2)\ndef test"))
    run = Run(namespace={"norm": endless})
    assert run_checks(run, [folder / "test_vectors.py"], folder, timeouts=True) == ""
    assert statuses(run) == {"test_norm": Status.TIMEOUT}


def endless(v):
    while True:
        v = v
