import sys

import pytest

from grader.errors import SubmissionTimeout
from grader.local import Local, load, of_notebook, run_cells
from grader.model import Cell
from grader.remote import MissingName

SOURCE = "def norm(v):\n    return scale(v)\n\n\ndef scale(v):\n    return 2 * v\n\n\nLIMIT = 3\n"


@pytest.fixture(autouse=True)
def _forget(monkeypatch):
    """What a submission registers in sys.modules does not stay."""
    for name in ("vectors", "helper"):
        monkeypatch.setitem(sys.modules, name, None)
        monkeypatch.delitem(sys.modules, name)
    yield
    for name in ("vectors", "helper"):
        sys.modules.pop(name, None)


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "vectors.py"
    file.write_text(SOURCE)
    return file


def test_the_functions_of_a_module_are_its_attributes_and_its_very_own_objects(path):
    module = load(path, "vectors").module
    assert module.norm(1) == 2
    assert module.LIMIT == 3
    assert module.norm is sys.modules["vectors"].norm
    assert repr(module) == "<module 'vectors'>"


def test_a_module_may_import_what_lies_beside_it_and_the_path_stays_clean(path):
    (path.parent / "helper.py").write_text("X = 4\n")
    path.write_text("from helper import X\n")
    before = list(sys.path)
    assert load(path, "vectors").module.X == 4
    assert sys.path == before


def test_a_notebook_is_run_by_its_cells_that_count(tmp_path):
    notebook = tmp_path / "vectors.ipynb"
    notebook.write_text('{"cells": [{"cell_type": "code", "source": "X = 5"}]}')
    submission = load(notebook, "vectors")
    assert submission.module.X == 5
    assert submission.files == {"cell 1": "cell 1"}


def test_a_name_that_is_missing_is_told_with_what_is_near_it(path):
    with pytest.raises(MissingName, match=r"vectors does not define 'nrom'\. It defines 'norm': is that a misspelling"):
        _ = load(path, "vectors").module.nrom


def test_names_of_python_itself_are_plainly_missing(path):
    with pytest.raises(AttributeError, match="__wrapped__"):
        _ = load(path, "vectors").module.__wrapped__


def test_an_error_while_loading_is_raised_when_a_missing_name_is_asked_for_and_always_from_the_same_place(path):
    path.write_text(SOURCE + "1 / 0\n")
    module = load(path, "vectors").module
    assert module.norm(1) == 2
    depths = []
    for _ in range(3):
        with pytest.raises(ZeroDivisionError) as caught:
            _ = module.later
        depths.append(len(caught.traceback))
    assert depths[0] == depths[1] == depths[2]
    assert str(caught.traceback[-1].path) == str(path)


def test_an_exit_while_loading_ends_the_module_and_nothing_else(path):
    path.write_text("raise SystemExit(3)\n")
    with pytest.raises(SystemExit):
        _ = load(path, "vectors").module.norm


def test_a_time_out_while_loading_is_kept_as_a_verdict(path):
    path.write_text("import pytest\nX = 1\npytest.fail('Timeout (>3.0s) from pytest-timeout.')\n")
    module = load(path, "vectors").module
    assert module.X == 1
    with pytest.raises(SubmissionTimeout, match=r"not done after 3 s\n  vectors\.py, line 3"):
        _ = module.norm


def test_an_interrupt_while_loading_goes_on_its_way(path):
    path.write_text("raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        load(path, "vectors")
    with pytest.raises(KeyboardInterrupt):
        run_cells("vectors", (Cell(filename="cell 1", source="raise KeyboardInterrupt"),))


def test_cells_share_their_names_and_one_that_fails_does_not_stop_the_next():
    cells = ("X = 1", "1 / 0", "Y = X + 1")
    submission = run_cells("vectors", tuple(Cell(filename=f"cell {i}", source=cell) for i, cell in enumerate(cells)))
    assert submission.module.Y == 2
    with pytest.raises(ZeroDivisionError):
        _ = submission.module.Z


def test_a_stand_in_is_met_by_the_students_own_calls_and_leaves_again(path):
    submission = load(path, "vectors")
    with submission.stand_in({"scale": lambda v: 100, "new": lambda: 7}):
        assert submission.module.norm(1) == 100
        assert submission.module.new() == 7
    assert submission.module.norm(1) == 2
    with pytest.raises(MissingName):
        _ = submission.module.new


def test_a_stand_in_leaves_also_when_the_check_fails(path):
    submission = load(path, "vectors")
    with pytest.raises(ZeroDivisionError), submission.stand_in({"scale": lambda v: 1 / 0}):
        submission.module.norm(1)
    assert submission.module.norm(1) == 2


def test_the_names_are_those_that_the_module_defines(path):
    assert set(load(path, "vectors").names) == {"norm", "scale", "LIMIT"}


def test_a_check_may_begin_and_a_run_may_end():
    submission = Local("vectors", {}, {})
    submission.begin()
    submission.close()


def test_of_a_notebook_the_files_are_those_of_its_functions_and_methods():
    namespace = {"len": len, "pytest": pytest, "X": 3}
    exec(compile("def norm(v): ...", "/tmp/one.py", "exec"), namespace)
    exec(compile("class Adder:\n    def add(self): ...", "/tmp/two.py", "exec"), namespace)
    submission = of_notebook("vectors", namespace)
    assert submission.files == {"/tmp/one.py": "notebook cell", "/tmp/two.py": "notebook cell"}
    namespace["late"] = 4
    assert submission.module.late == 4
