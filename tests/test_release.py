import logging
import os
import subprocess
import sys

import nbformat
import pytest

from grader.assignment import load_assignment
from grader.errors import CourseError
from grader.nbsource import source_notebook
from grader.release import release_notebooks
from tests.course import make_course


@pytest.fixture
def source(tmp_path):
    return source_notebook(load_assignment(make_course(tmp_path / "course"), "hw1"), "vectors")


def test_solutions_are_stubs_and_checks_have_checksums(source):
    released = nbformat.reads(release_notebooks({"vectors.ipynb": source})["vectors.ipynb"], as_version=4)
    cells = {cell.id: cell for cell in released.cells}
    assert cells["norm"].source.endswith('"""\n    # YOUR CODE HERE\n    raise NotImplementedError()')
    assert cells["why_root"].source == "**Why the root?** Two sentences.\n\nYOUR ANSWER HERE"
    assert all("checksum" in cell.metadata.nbgrader for cell in released.cells if "nbgrader" in cell.metadata)
    assert not cells["check_norm"].metadata.editable


def test_it_is_what_the_nbgrader_command_makes(source, tmp_path):
    folder = tmp_path / "plain"
    (folder / "source/hw1").mkdir(parents=True)
    (folder / "source/hw1/vectors.ipynb").write_text(source)
    command = [sys.executable, "-m", "nbgrader", "generate_assignment", "hw1", "--no-db"]
    environment = os.environ | {"JUPYTER_CONFIG_DIR": str(tmp_path), "HOME": str(tmp_path)}
    subprocess.run(command, cwd=folder, check=True, capture_output=True, env=environment)
    assert (folder / "release/hw1/vectors.ipynb").read_text() == release_notebooks({"vectors.ipynb": source})[
        "vectors.ipynb"
    ]


def test_it_leaves_no_trace(source, tmp_path, monkeypatch, capfd, caplog):
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    with caplog.at_level(logging.DEBUG):
        release_notebooks({"vectors.ipynb": source})
    assert sorted(tmp_path.iterdir()) == before
    assert os.getcwd() == str(tmp_path)
    assert (*capfd.readouterr(), caplog.text) == ("", "", "")


def test_what_nbgrader_refuses_is_told_with_what_it_logged(source):
    broken = source.replace("### END SOLUTION", "")
    with pytest.raises(
        CourseError, match=r"(?s)nbgrader cannot release vectors\.ipynb.*no end solution statement found"
    ):
        release_notebooks({"vectors.ipynb": broken})
