import json
import zipfile

import pytest

from grader.assignment import load_assignment
from grader.build import build
from grader.leaks import answers, leaks, read_files
from tests import course
from tests.course import make_course

ANSWER = "return math.sqrt(sum(x * x for x in v))"


@pytest.fixture
def root(tmp_path):
    return make_course(tmp_path)


@pytest.fixture
def assignment(root):
    return load_assignment(root, "hw1")


def test_answers_are_the_telling_lines_of_all_solutions(assignment):
    assert answers(assignment) == {
        ANSWER,
        "return [factor * x for x in v]",
        "self.total_of_all = 0.0",
        "self.total_of_all += x",
        "return self.total_of_all",
        "print([norm([1.0] * length) for length in lengths])",
        "Because lengths scale linearly, squares do not.",
    }


def test_a_line_that_students_read_anyway_is_no_answer(root, assignment):
    course.change(root / "solutions/hw1/vectors.py", "return scale(v, 2.0)", "return [factor  * x for x in v]")
    assert "return [factor * x for x in v]" not in answers(assignment)


def test_what_is_built_holds_no_secret(root, assignment):
    build(root, ["hw1"])
    assert leaks(assignment, read_files(root / "assignments")) == []
    assert leaks(assignment, read_files(root / "release")) == []


def test_everything_in_the_solutions_is_a_secret(root, assignment):
    build(root, ["hw1"])
    files = {name: content for name, content in read_files(root / "solutions").items() if "assignment.toml" not in name}
    assert {name for name in files if leaks(assignment, {name: files[name]})} == set(files)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("notes.md", f"Hint: `{ANSWER}`.", f"notes.md: holds a line of the solution: {ANSWER}"),
        ("notes.md", ANSWER.replace(" ", "\n   "), f"notes.md: holds a line of the solution: {ANSWER}"),
        ("a.py", "    ### BEGIN SOLUTION\n", "a.py: holds a marker of a solution region"),
        ("a.py", "# ### END SOLUTION\n", "a.py: holds a marker of a solution region"),
        ("a/test_vectors_hidden.py", "", "a/test_vectors_hidden.py: belongs to the solutions"),
        ("a/mutants.toml", "", "a/mutants.toml: belongs to the solutions"),
        ("solutions/x/a.txt", "", "solutions/x/a.txt: belongs to the solutions"),
        ("variants/a.py", "", "variants/a.py: belongs to the solutions"),
        ("test_x.py", course.HIDDEN, "test_x.py: holds the hidden check test_of_a_secret_vector"),
        ("a.txt", course.MUTANTS, "a.txt: holds the hint of mutant 'no_root'"),
        ("a.txt", course.VARIANT, "a.txt: holds most lines of variant 'hypot'"),
    ],
)
def test_a_secret_in_any_file_is_found(assignment, name, text, message):
    assert message in leaks(assignment, {name: text.encode()})


def notebook(text):
    cell = {"cell_type": "code", "source": text.splitlines(keepends=True), "outputs": [], "metadata": {}}
    return {"cells": [cell], "metadata": {}, "nbformat": 4}


def test_a_notebook_is_searched_as_people_see_it(root, assignment):
    course.change(
        root / "solutions/hw1/vectors.py", "return [factor * x for x in v]", 'return "the\\tway to say \\"norm\\" é"'
    )
    (answer,) = (line for line in answers(assignment) if "norm" in line and "return" in line)
    content = json.dumps(notebook(f"def norm(v):\n    {answer}\n")).encode()
    assert answer.encode() not in content
    assert leaks(assignment, {"a.ipynb": content}) == [f"a.ipynb: holds a line of the solution: {answer}"]


def test_outputs_of_a_notebook_are_searched_too(assignment):
    content = notebook("x = 1")
    content["cells"][0]["outputs"] = [{"data": {"text/plain": [ANSWER[:20], ANSWER[20:]]}, "count": 3}]
    assert leaks(assignment, {"a.ipynb": json.dumps(content).encode()})


def test_a_broken_notebook_is_searched_as_text(assignment):
    assert leaks(assignment, {"a.ipynb": b"{" + ANSWER.encode()})


def test_files_are_read_from_folders_archives_and_alone(tmp_path):
    course.write(tmp_path / "in/a.py", "a")
    course.write(tmp_path / "in/__pycache__/a.pyc", "b")
    with zipfile.ZipFile(tmp_path / "p.whl", "w") as archive:
        archive.writestr("grader/", "")
        archive.writestr("grader/a.py", "a")
    assert read_files(tmp_path / "in") == {"a.py": b"a"}
    assert read_files(tmp_path / "p.whl") == {"grader/a.py": b"a"}
    assert read_files(tmp_path / "in/a.py") == {"a.py": b"a"}
