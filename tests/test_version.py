import shutil

import pytest

from grader import version as module
from grader.assignment import load_assignment
from grader.version import differences, files_of, ingredients, version_of
from tests.course import make_course, write


@pytest.fixture
def root(tmp_path):
    return make_course(tmp_path)


def version(root):
    return version_of(ingredients(load_assignment(root, "hw1")))


@pytest.mark.parametrize(
    "name",
    [
        "assignments/hw1/test_vectors.py",
        "solutions/hw1/test_vectors_hidden.py",
        "solutions/hw1/vectors.py",
        "solutions/hw1/mutants.toml",
        "solutions/hw1/assignment.toml",
    ],
)
def test_whatever_decides_a_score_makes_another_version(root, name):
    before = version(root)
    write(root / name, (root / name).read_text() + "\n# changed\n")
    assert version(root) != before


def test_data_that_a_check_may_read_makes_another_version(root):
    before = version(root)
    write(root / "assignments/hw1/data/points.csv", "1,2\n")
    assert version(root) != before


@pytest.mark.parametrize(
    "name",
    [
        "assignments/hw1/README.md",
        "solutions/hw1/experiments.py",
        "solutions/hw1/vectors.ipynb",
        "solutions/hw1/variants/other.py",
        "solutions/hw1/__pycache__/vectors.cpython-311.pyc",
        "solutions/hw1/.vectors.py.swp",
    ],
)
def test_what_decides_no_score_changes_no_version(root, name):
    before = version(root)
    path = root / name
    write(path, (path.read_text() if path.exists() else "") + "\n# changed\n")
    assert version(root) == before


def test_the_version_depends_on_names_and_content_not_on_the_folder(root, tmp_path_factory):
    other = tmp_path_factory.mktemp("other") / "course"
    shutil.copytree(root, other)
    assert version(other) == version(root)


def test_experiments_travel_though_they_decide_no_score(root):
    """They hold the points of the manual tasks, without which the assignment does not add up."""
    names = {path.name for path in files_of(load_assignment(root, "hw1"))}
    assert names >= {"experiments.py", "assignment.toml", "test_vectors.py", "mutants.toml"}
    assert "hypot.py" not in names


def test_another_library_is_named_and_makes_another_version(root, monkeypatch):
    ours = ingredients(load_assignment(root, "hw1"))
    monkeypatch.setattr(module, "PACKAGES", ("numpy", "no-such-package"))
    module._tools.cache_clear()
    theirs = ingredients(load_assignment(root, "hw1"))
    monkeypatch.undo()
    module._tools.cache_clear()
    assert theirs["no-such-package"] == "none"
    assert version_of(ours) != version_of(theirs)
    assert differences(ours, ours) == ""
    assert differences({"numpy": "2.4"}, {"numpy": "2.3", "torch": "2"}) == (
        "numpy 2.4 here, 2.3 there; torch none here, 2 there"
    )
