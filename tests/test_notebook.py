import sys

import nbclient
import nbformat
import pytest

import grader
from grader.errors import CourseError
from grader.notebook import ChecksFailed, check_files, run_task
from tests.course import PUBLIC, REFERENCE, make_course

NORM = "def norm(v):\n    return sum(x * x for x in v) ** 0.5\n"
WRONG = "def norm(v):\n    return 1.0\n"
STUB = "def norm(v):\n    raise NotImplementedError()\n"
MULTIPLE = "def norm(v):\n    return v[0] / 0\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "test_vectors.py").write_text(PUBLIC)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NBGRADER_VALIDATING", raising=False)
    return tmp_path


def cell(source, task="norm"):
    """What a cell with check(...) shows in a notebook that has run `source`."""
    namespace = {"check": grader.check}
    exec(compile(source, "/tmp/ipykernel_1/1.py", "exec"), namespace)
    exec(f"outcome = check({task!r})", namespace)
    return namespace["outcome"]


def test_what_passes_is_one_line(folder):
    outcome = cell(NORM)
    assert repr(outcome) == "✓ norm: 2 of 2 public checks pass"
    assert outcome.report.score == 30


def test_a_failure_is_told_by_its_check_and_its_message(folder):
    lines = repr(cell(WRONG)).split("\n")
    assert lines[:2] == ["✗ norm: 1 of 2 public checks pass", "✗ of nothing"]
    assert all(line.startswith("    ") for line in lines[2:])


def test_a_stub_is_not_started(folder):
    assert repr(cell(STUB)) == "– norm: not started: write norm"


def test_an_exception_is_told_with_the_line_of_the_cell(folder):
    assert "norm raised ZeroDivisionError: float division by zero\n      notebook cell, line 2, in norm" in repr(
        cell(MULTIPLE)
    )


def test_a_name_that_is_not_defined_yet_is_told(folder):
    assert "vectors does not define 'norm'." in repr(cell("x = 1"))


def test_the_html_holds_the_same_and_escapes_what_students_write(folder):
    html = cell("def norm(v):\n    raise ValueError('<script>')\n")._repr_html_()
    assert "norm: 0 of 2 public checks pass" in html
    assert "&lt;script&gt;" in html
    assert "<script>" not in html
    assert "<pre" not in cell(NORM)._repr_html_()


def test_prints_of_the_students_functions_are_not_repeated(folder, capsys):
    cell("def norm(v):\n    print('loud')\n    return 0.0\n")
    assert capsys.readouterr().out == ""


def test_a_function_that_is_written_again_is_checked_as_it_is_now(folder):
    namespace = {"check": grader.check}
    for source, score in ((WRONG, 20), (NORM, 30)):
        exec(source, namespace)
        exec("outcome = check('norm')", namespace)
        assert namespace["outcome"].report.score == score


def test_endless_code_is_stopped(folder, monkeypatch):
    monkeypatch.setattr("grader.plugin.DESK_SECONDS", 0.3)
    outcome = cell("def norm(v):\n    while True:\n        pass\n")
    assert "Stopped: not done after 0.3 s. Is there a loop that never ends?" in repr(outcome)


def test_on_windows_nothing_that_would_end_the_kernel_watches_the_time(folder, monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    seen = []
    monkeypatch.setattr("grader.checkrun.run_checks", lambda *_, timeouts: seen.append(timeouts) or "stop")
    with pytest.raises(CourseError, match="stop"):
        run_task("norm", {}, folder)
    assert seen == [False]


# nbgrader validate


def test_validating_raises_a_clean_text_while_something_fails(folder, monkeypatch):
    monkeypatch.setenv("NBGRADER_VALIDATING", "1")
    assert cell(NORM) == 30
    with pytest.raises(ChecksFailed) as caught:
        cell(WRONG)
    assert str(caught.value).startswith("✗ norm: 1 of 2 public checks pass\n✗ of nothing\n")
    assert caught.value._render_traceback_() == str(caught.value).split("\n")


# What is missing


def test_a_notebook_without_its_checks_beside_it_is_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CourseError, match=r"There is no test_\*\.py in .* Put them back together\."):
        cell(NORM)


def test_a_task_that_the_checks_do_not_have_is_told(folder):
    with pytest.raises(CourseError, match=r"The checks in test_vectors\.py have no task 'nrom'\."):
        cell(NORM, "nrom")


def test_checks_that_cannot_be_imported_are_told(folder):
    (folder / "test_vectors.py").write_text("import nowhere\n")
    with pytest.raises(CourseError, match=r"test_vectors\.py cannot be imported: .*No module named 'nowhere'"):
        cell(NORM)


def test_a_check_file_that_cannot_be_imported_does_not_keep_the_others_from_running(folder):
    (folder / "test_zero.py").write_text("import nowhere\n")
    assert cell(NORM).report.score == 30


def test_hidden_checks_are_not_run_from_a_notebook(folder):
    (folder / "test_vectors_hidden.py").write_text("1/0\n")
    assert [path.name for path in check_files(folder)] == ["test_vectors.py"]


def test_an_instructors_notebook_finds_the_checks_of_the_students(tmp_path):
    root = make_course(tmp_path)
    assert check_files(root / "solutions/hw1") == [root / "assignments/hw1/test_vectors.py"]


# A real kernel


def test_in_a_real_kernel_the_cell_shows_the_outcome(folder):
    sources = ["from grader import check", WRONG, 'check("norm")', NORM, 'check("norm")', 'check("vectors")']
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    nbclient.NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    shown = [cell.outputs[0]["data"] for cell in notebook.cells if cell.outputs]
    assert shown[0]["text/plain"].startswith("✗ norm: 1 of 2 public checks pass")
    assert "1 of 2" in shown[0]["text/html"]
    assert shown[1]["text/plain"] == "✓ norm: 2 of 2 public checks pass"
    assert "does not define 'scale'" in shown[2]["text/plain"]
    assert not any(output.output_type in ("stream", "error") for cell in notebook.cells for output in cell.outputs)


def test_the_reference_passes_in_a_notebook(folder):
    assert cell(REFERENCE, "vectors").report.score == 60
