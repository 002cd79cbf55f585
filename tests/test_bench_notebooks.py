import nbformat
import pytest

from grader.assignment import load_assignment
from grader.build import build
from grader.grade import grade
from grader.gradebook.rebuild import grade_id
from grader.submission import read_submission
from tests.bench import checks_here, notebooks
from tests.bench.people import a_class
from tests.course import VARIANT, make_course, make_two_module_course


@pytest.fixture
def assignment(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    root = make_course(tmp_path)
    build(root, ["hw1"])
    return load_assignment(root, "hw1")


def test_a_notebook_earns_what_the_source_in_it_earns(assignment, tmp_path):
    for person in a_class(assignment, 4):
        blank = notebooks.released(assignment)
        notebooks.write(notebooks.filled(blank, person.sources), tmp_path / person.name)
        handed = read_submission(tmp_path / person.name, assignment)
        source = person.submission(assignment)
        assert grade(assignment, handed, isolate=False).score == grade(assignment, source, isolate=False).score


def test_all_of_a_source_is_in_its_notebook(assignment):
    filled = notebooks.filled(notebooks.released(assignment), {"vectors": VARIANT + "\n\nLAST = 1\n"})["vectors"]
    text = "\n".join(cell.source for cell in filled.cells)
    assert "LAST = 1" in text
    assert "def doubled" in text
    assert text.count("return math.hypot(*v)") == 1


def test_an_executable_notebook_asks_for_every_task_after_all_that_is_asked_of(assignment):
    notebook = notebooks.executable(assignment)["vectors"]
    names = [grade_id(cell) for cell in notebook.cells if grade_id(cell)]
    assert names[-2:] == ["check_norm", "check_vectors"]
    assert not {"setup", "plot_norms", "why_root"} & {*names}
    assert notebook.cells[-1].source.endswith("require('vectors', 'vectors', 'a secret', globals())")
    nbformat.validate(notebook)


def test_modules_are_joined_in_one_notebook_without_graded_cells(tmp_path):
    root = make_two_module_course(tmp_path)
    build(root, ["hw1"])
    joined = notebooks.joined(notebooks.executable(load_assignment(root, "hw1")))
    names = [grade_id(cell) for cell in joined.cells if grade_id(cell)]
    assert {"norm", "dot"} < {*names}
    assert not [name for name in names if name.startswith("check_")]
    nbformat.validate(joined)


def test_check_files_run_beside_a_notebook_once_for_all_tasks(assignment, tmp_path, monkeypatch):
    here = tmp_path / "here"
    here.mkdir()
    notebooks.copy_check_files(assignment, here)
    monkeypatch.setattr(checks_here, "__file__", str(here / "checks_here.py"))
    monkeypatch.setattr(checks_here, "_runs", {})
    namespace: dict = {}
    exec(VARIANT.replace("math.hypot(*v)", "max(v, default=0.0)"), namespace)
    checks_here.require("vectors", "vectors", "a secret", namespace)
    with pytest.raises(AssertionError, match=r"TestNormMore::test_of_a_secret_vector: failed\n.*4\.0"):
        checks_here.require("norm", "vectors", "a secret", {})
    with pytest.raises(AssertionError, match="no check of nrom was run"):
        checks_here.require("nrom", "vectors", "a secret", {})
