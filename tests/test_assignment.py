import subprocess
import sys

import pytest

from grader.assignment import assignment_names, checks, find_course, load_assignment, load_mutants, load_variants
from grader.errors import CourseError, SourceError
from tests.course import change, make_course, make_two_module_course, write

SETTINGS = "solutions/hw1/assignment.toml"


@pytest.fixture
def root(tmp_path):
    return make_course(tmp_path)


def test_a_course_is_found_from_any_folder_or_file_inside(root):
    for start in (root, root / "solutions", root / "assignments/hw1/README.md"):
        assert find_course(start) == root.resolve()


def test_outside_of_a_course_the_error_says_what_is_missing(tmp_path):
    (tmp_path / "assignments").mkdir()
    with pytest.raises(CourseError, match=r"neither it nor a folder above it holds assignments/ and solutions/"):
        find_course(tmp_path)


def test_assignments_are_sorted_as_people_count(root):
    for name in ("hw10", "hw2"):
        write(root / f"solutions/{name}/assignment.toml", "")
    (root / "solutions/notes").mkdir()
    assert assignment_names(root) == ("hw1", "hw2", "hw10")


def test_settings_are_read(root):
    write(root / SETTINGS, 'title = "Vectors"\nmodules = ["vectors"]\nseed = "s"\n\n[limits]\ncall_seconds = 2\n')
    assignment = load_assignment(root, "hw1")
    assert (assignment.title, assignment.modules) == ("Vectors", ("vectors",))
    assert (assignment.limits.call_seconds, assignment.limits.load_seconds) == (2, 20.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("title = ", "not valid TOML"),
        ('modules = ["vectors"]', 'expected title = "..."'),
        ('title = " "\nmodules = ["vectors"]', 'expected title = "..."'),
        ('title = "V"', 'expected modules = ["a_module", ...]'),
        ('title = "V"\nmodules = []', 'expected modules = ["a_module", ...]'),
        ('title = "V"\nmodules = ["../x"]', 'expected modules = ["a_module", ...]'),
        ('title = "V"\nmodules = ["v", "v"]', "modules: a name is there twice"),
        ('title = "V"\nmodules = ["vectors"]\npoints = 3', "unknown key 'points'"),
        ('title = "V"\nmodules = ["vectors"]\nlimits = 3', "[limits] limits = 3: expected a number of seconds"),
        ('title = "V"\nmodules = ["vectors"]\n[limits]\ncall = 3', "[limits] call = 3: expected a number of seconds"),
        ('title = "V"\nmodules = ["vectors"]\n[limits]\ncall_seconds = 0', "[limits] call_seconds = 0: expected"),
        ('title = "V"\nmodules = ["vectors"]\n[limits]\ncall_seconds = true', "[limits] call_seconds = True: expected"),
        ('title = "V"\nmodules = ["vectors"]', 'expected seed = "..."'),
        ('title = "V"\nmodules = ["vectors"]\nseed = "s"\ngpu = "yes"', "gpu: expected true or false"),
        ('title = "V"\nmodules = ["vectors"]\nseed = 3', 'expected seed = "..."'),
        ('title = "V"\nmodules = ["vectors", "kernels"]\nseed = "s"', "kernels.py: missing"),
    ],
)
def test_wrong_settings_are_told_with_their_file(root, text, message):
    write(root / SETTINGS, text)
    with pytest.raises(CourseError) as caught:
        load_assignment(root, "hw1")
    assert message in str(caught.value)
    assert str(root) in str(caught.value)


def test_settings_that_are_no_utf8_are_told(root):
    (root / SETTINGS).write_bytes(b'title = "\xff"')
    with pytest.raises(CourseError, match=r"assignment\.toml: not valid TOML"):
        load_assignment(root, "hw1")


def test_a_close_name_is_suggested(root):
    with pytest.raises(CourseError, match=r"did you mean 'hw1'\?"):
        load_assignment(root, "hw01")
    with pytest.raises(CourseError, match=r"there are: hw1$"):
        load_assignment(root, "zzz")


def test_every_missing_file_is_told(root):
    (root / "solutions/hw1/test_vectors_hidden.py").unlink()
    (root / "solutions/hw1/vectors.py").unlink()
    with pytest.raises(CourseError) as caught:
        load_assignment(root, "hw1")
    assert [line.rpartition("/")[2] for line in str(caught.value).splitlines()] == [
        "test_vectors_hidden.py: missing",
        "vectors.py: missing",
    ]


def test_a_check_file_that_nothing_would_run_is_an_error(root):
    write(root / "solutions/hw1/test_vector_hidden.py", "")
    with pytest.raises(CourseError, match=r"test_vector_hidden\.py: belongs to no module"):
        load_assignment(root, "hw1")


def test_two_modules_have_their_own_tasks(tmp_path):
    assignment = load_assignment(make_two_module_course(tmp_path), "hw1")
    assert [(task.name, task.module) for task in assignment.tasks] == [
        ("norm", "vectors"),
        ("vectors", "vectors"),
        ("dot", "kernels"),
    ]


def test_names_of_tasks_and_checks_are_unique_in_an_assignment(tmp_path):
    root = make_two_module_course(tmp_path)
    change(root / "assignments/hw1/test_kernels.py", '"dot", points=20', '"norm", points=20, covers=("dot",)')
    change(root / "assignments/hw1/test_kernels.py", "test_dot_of_units", "test_scale_by_zero")
    with pytest.raises(SourceError) as caught:
        load_assignment(root, "hw1")
    assert "test_kernels.py:1: another module has a task 'norm' too" in str(caught.value)
    assert "test_kernels.py:1: another module has a check 'test_scale_by_zero' too" in str(caught.value)


def test_mutants_and_variants_of_an_assignment_are_read(root):
    assignment = load_assignment(root, "hw1")
    (mutant,) = load_mutants(assignment)
    (variant,) = load_variants(assignment)
    assert mutant.killed_by in {check.name for check in checks(assignment)}
    assert (variant.name, variant.module) == ("hypot", "vectors")


def test_loading_imports_nothing_heavy(root):
    code = "import sys, pathlib, grader.assignment as a; a.load_assignment(pathlib.Path(sys.argv[1]), 'hw1'); "
    code += "print({'torch', 'numpy', 'jupytext', 'nbformat', 'nbgrader', 'pytest'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code, str(root)], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
