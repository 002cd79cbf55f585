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


def test_unchanged_check_files_are_collected_once(folder, monkeypatch):
    run_in(folder)
    monkeypatch.setattr(pytest, "main", lambda *_, **__: pytest.fail("collected again"))
    for source, status in (
        ("def norm(v):\n    return v\n", Status.PASSED),
        ("def norm(v):\n    return 0\n", Status.FAILED),
    ):
        run, problem = run_in(folder, source)
        assert problem == ""
        assert statuses(run) == {"test_norm": status}


PLAIN = """

@pytest.mark.task("norm")
class TestNorm:
    seen = []

    @pytest.mark.parametrize("v", [1, 2])
    def test_of(self, hw, v, tmp_path):
        assert tmp_path.is_dir()
        self.seen.append(tmp_path)
        self.mine = v
        assert hw.norm(v) == v

    def test_is_a_new_one_in_a_folder_of_its_own(self, hw):
        assert not hasattr(self, "mine")
        assert len(set(self.seen)) == len(self.seen) > 1
        assert not any(path.exists() for path in self.seen)
"""


def test_a_plain_check_has_its_parameters_an_instance_and_a_folder_of_its_own(folder):
    (folder / "test_vectors.py").write_text(CHECKS + PLAIN)
    for _ in range(2):
        assert set(statuses(run_in(folder)[0]).values()) == {Status.PASSED}
    run, _ = run_in(folder, "def norm(v):\n    return 3 if v == 3 else 1\n")
    assert statuses(run)["TestNorm::test_of"] is Status.FAILED


OTHERS = """

@pytest.fixture
def three():
    yield 3


@pytest.mark.task("norm")
def test_with_a_fixture(hw, three):
    assert hw.norm(three) == 3


@pytest.mark.task("norm")
def test_with_a_request(hw, request):
    assert request.node.name == "test_with_a_request"


@pytest.mark.task("norm")
@pytest.mark.skip(reason="no GPU")
def test_that_is_skipped(hw):
    assert False


@pytest.mark.task("norm")
def test_that_skips(hw):
    pytest.skip("no GPU")
"""


def test_what_takes_more_than_a_submission_is_run_by_pytest(folder):
    (folder / "test_vectors.py").write_text(CHECKS + OTHERS)
    for _ in range(2):
        run, problem = run_in(folder)
        assert problem == ""
        assert statuses(run) == {
            "test_norm": Status.PASSED,
            "test_with_a_fixture": Status.PASSED,
            "test_with_a_request": Status.PASSED,
            "test_that_is_skipped": Status.SKIPPED,
            "test_that_skips": Status.SKIPPED,
        }


def test_only_what_is_asked_for_is_run(folder):
    (folder / "test_vectors.py").write_text(CHECKS + OTHERS)
    for name in ("test_norm", "test_with_a_fixture"):
        run = Run(
            cells={"vectors": (Cell(filename="vectors.py", source="def norm(v):\n    return v\n"),)}, names={name}
        )
        assert run_checks(run, sorted(folder.glob("test_*.py")), folder) == ""
        assert statuses(run) == {name: Status.PASSED}


def test_an_interrupt_ends_the_run_and_its_workers(folder):
    (folder / "test_vectors.py").write_text(CHECKS + "    raise KeyboardInterrupt\n")
    run = Run(cells={"vectors": (Cell(filename="vectors.py", source="def norm(v):\n    return v\n"),)})
    with pytest.raises(KeyboardInterrupt):
        run_checks(run, [folder / "test_vectors.py"], folder)
    assert run.opened(folder / "test_vectors.py") is None
