import nbformat
import pytest
from nbgrader.nbgraderformat import MetadataValidator

from grader.assignment import load_assignment
from grader.errors import SourceError
from grader.nbsource import source_notebook
from tests.course import change, make_course, make_two_module_course, write

REFERENCE, EXPERIMENTS = "solutions/hw1/vectors.py", "solutions/hw1/experiments.py"


@pytest.fixture
def root(tmp_path):
    return make_course(tmp_path)


def made(root, module="vectors"):
    return nbformat.reads(source_notebook(load_assignment(root, "hw1"), module), as_version=4)


def marks(notebook):
    return {
        cell.metadata.nbgrader.grade_id: cell.metadata.nbgrader
        for cell in notebook.cells
        if "nbgrader" in cell.metadata
    }


def test_a_check_cell_follows_the_last_name_that_its_task_covers(root):
    ids = [cell.metadata.nbgrader.grade_id if "nbgrader" in cell.metadata else None for cell in made(root).cells]
    assert ids == [
        *("setup", None, "given_1", "norm", "check_norm", None, "scale", "Adder", "check_vectors", "given_2"),
        *(None, None, "plot_norms", "why_root"),
    ]


def test_nbgrader_accepts_its_metadata(root):
    MetadataValidator().validate_nb(made(root))


def test_solution_cells_may_be_edited_and_are_worth_nothing_themselves(root):
    mark = marks(made(root))["norm"]
    assert (mark.solution, mark.grade, mark.locked) == (True, False, False)
    assert "points" not in mark


def test_check_cells_are_locked_and_carry_the_points(root):
    notebook = made(root)
    mark = marks(notebook)["check_norm"]
    assert (mark.solution, mark.grade, mark.locked, mark.points) == (False, True, True, 30)
    assert [cell.source for cell in notebook.cells if cell.id == "check_norm"] == ['check("norm")']


def test_manual_cells_are_solution_and_grade_in_one(root):
    for name in ("plot_norms", "why_root"):
        mark = marks(made(root))[name]
        assert (mark.solution, mark.grade, mark.locked, mark.points) == (True, True, False, 5)


def test_setup_and_given_code_are_locked(root):
    for name in ("setup", "given_1", "given_2"):
        mark = marks(made(root))[name]
        assert (mark.solution, mark.grade, mark.locked) == (False, False, True)


def test_all_points_of_the_assignment_are_in_its_notebooks(tmp_path):
    root = make_two_module_course(tmp_path)
    points = [mark.get("points", 0) for module in ("vectors", "kernels") for mark in marks(made(root, module)).values()]
    assert sum(points) == 100


def test_only_the_first_module_gets_the_experiments(tmp_path):
    root = make_two_module_course(tmp_path)
    assert list(marks(made(root, "kernels"))) == ["setup", "dot", "check_dot"]


def test_cells_for_the_script_only_are_left_out_and_all_other_experiments_are_tagged(root):
    cells = made(root).cells
    assert not any("from vectors import" in cell.source for cell in cells)
    assert [cell.metadata.get("tags") for cell in cells[-5:]] == [None, *[["experiment"]] * 4]


def test_points_may_be_fractions(root):
    change(root / EXPERIMENTS, 'points=5 task="plot_norms"', 'points=4.5 task="plot_norms"')
    change(root / EXPERIMENTS, 'points=5 task="why_root"', 'points=5.5 task="why_root"')
    assert marks(made(root))["plot_norms"].points == 4.5


def test_code_is_in_the_cells_as_it_is_in_the_module(root):
    text = (root / REFERENCE).read_text()
    assert all(cell.source in text for cell in made(root).cells if cell.id in ("given_1", "norm", "Adder"))


def test_two_builds_are_the_same_and_a_cell_keeps_its_id_when_another_changes(root):
    assignment = load_assignment(root, "hw1")
    before = source_notebook(assignment, "vectors")
    assert source_notebook(assignment, "vectors") == before
    ids = [cell.id for cell in made(root).cells]
    change(root / REFERENCE, "# Now scale it.", "# Now scale it, please.")
    assert len(set(ids) - {cell.id for cell in made(root).cells}) == 1


def test_equal_texts_have_different_ids(root):
    change(root / REFERENCE, "# %% [markdown]\n# Now scale it.", "# %% [markdown]\n# Same.\n\n# %% [markdown]\n# Same.")
    ids = [cell.id for cell in made(root).cells]
    assert len(set(ids)) == len(ids)


def test_an_assignment_needs_no_experiments(root):
    (root / EXPERIMENTS).unlink()
    change(root / "assignments/hw1/test_vectors.py", "points=60", "points=70")
    assert "plot_norms" not in marks(made(root))


@pytest.mark.parametrize("name", ["setup", "check_norm", "given_1", "n" * 65])
def test_a_name_that_the_notebook_cannot_hold_is_an_error(root, name):
    change(root / EXPERIMENTS, "plot_norms", name)
    with pytest.raises(SourceError, match=rf"the notebook needs a cell '{name}'"):
        made(root)


def test_a_comment_that_jupytext_would_run_is_an_error(root):
    change(root / EXPERIMENTS, "print(doubled", "# ls and more\nprint(doubled")
    with pytest.raises(SourceError, match=r"experiments\.py:8: jupytext reads this line as 'ls and more'"):
        made(root)


def test_a_source_that_has_changed_for_the_worse_since_it_was_loaded_is_an_error(root):
    assignment = load_assignment(root, "hw1")
    write(root / REFERENCE, "# %%\n### END SOLUTION\n")
    with pytest.raises(SourceError, match="END SOLUTION without"):
        source_notebook(assignment, "vectors")
