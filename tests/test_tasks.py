import pytest

from grader.assignment import checks, load_assignment
from grader.errors import SourceError
from tests.course import change, make_course, write

PUBLIC, HIDDEN = "assignments/hw1/test_vectors.py", "solutions/hw1/test_vectors_hidden.py"
REFERENCE, EXPERIMENTS = "solutions/hw1/vectors.py", "solutions/hw1/experiments.py"


@pytest.fixture
def root(tmp_path):
    return make_course(tmp_path)


def test_tasks_come_from_the_public_checks_and_manual_ones_from_the_experiments(root):
    assignment = load_assignment(root, "hw1")
    assert [(task.name, task.points, task.covers, task.module) for task in assignment.tasks] == [
        ("norm", 30.0, ("norm",), "vectors"),
        ("vectors", 60.0, ("scale", "Adder"), "vectors"),
    ]
    assert [(task.name, task.points) for task in assignment.manual] == [("plot_norms", 5.0), ("why_root", 5.0)]


def test_checks_carry_task_weight_and_whether_they_are_hidden(root):
    assert [(check.name, check.task, check.weight, check.hidden) for check in checks(load_assignment(root, "hw1"))] == [
        ("TestNorm::test_of_a_unit_vector", "norm", 2.0, False),
        ("TestNorm::test_of_nothing", "norm", 1.0, False),
        ("test_scale_by_zero", "vectors", 1.0, False),
        ("TestNormMore::test_of_a_secret_vector", "norm", 1.0, True),
    ]


def test_check_files_are_not_imported(root):
    for name in (PUBLIC, HIDDEN, REFERENCE):
        path = root / name
        change(path, path.read_text(), path.read_text() + "\n\n# %%\nraise SystemExit\n")
    load_assignment(root, "hw1")


@pytest.mark.parametrize(
    ("file", "old", "new", "place", "message"),
    [
        (PUBLIC, '"vectors", points=60', '"norm", points=60', f"{PUBLIC}:16", "there is already a task 'norm'"),
        (PUBLIC, '"norm", points=30', '"norm"', f"{PUBLIC}:6", "task 'norm' needs points"),
        (PUBLIC, ', covers=("scale", "Adder")', "", f"{PUBLIC}:16", "covers 'vectors', but vectors.py has no function"),
        (
            PUBLIC,
            '"scale", "Adder"',
            '"scale", "doubled"',
            f"{PUBLIC}:16",
            "covers 'doubled', but vectors.py has no function",
        ),
        (PUBLIC, '"scale", "Adder"', '"scale",', f"{REFERENCE}:34", "no task in test_vectors.py covers 'Adder'"),
        (
            PUBLIC,
            '"scale", "Adder"',
            '"scale", "Adder", "norm"',
            f"{PUBLIC}:16",
            "'norm', which task 'norm' does already",
        ),
        (
            PUBLIC,
            "test_of_nothing",
            "test_of_a_unit_vector",
            f"{PUBLIC}:12",
            "there is already a check TestNorm::test_of_a_unit",
        ),
        (HIDDEN, '"norm"', '"norms"', f"{HIDDEN}:4", "no task 'norms' in test_vectors.py; it has norm, vectors"),
        (HIDDEN, '"norm"', '"norm", points=3', f"{HIDDEN}:4", "points and covers belong in the public check file"),
        (
            HIDDEN,
            '"norm"',
            '"norm", covers=("norm",)',
            f"{HIDDEN}:4",
            "points and covers belong in the public check file",
        ),
        (REFERENCE, "class Adder", "class scale", f"{REFERENCE}:34", "scale is already defined on line 26"),
        (REFERENCE, "def doubled", "def norm", f"{REFERENCE}:50", "norm is already defined on line 14"),
        (EXPERIMENTS, 'points=5 task="plot_norms"', "points=5", f"{EXPERIMENTS}:10", 'expected task="a_name"'),
        (EXPERIMENTS, 'points=5 task="plot_norms"', 'task="plot_norms"', f"{EXPERIMENTS}:10", "expected points="),
        (
            EXPERIMENTS,
            'points=5 task="plot_norms"',
            'points=0 task="plot_norms"',
            f"{EXPERIMENTS}:10",
            "expected points=",
        ),
        (EXPERIMENTS, 'points=5 task="plot_norms"', "", f"{EXPERIMENTS}:12", "a solution region needs a graded cell"),
        (
            EXPERIMENTS,
            '"why_root"',
            '"plot_norms"',
            f"{EXPERIMENTS}:16",
            "there is already a cell for task 'plot_norms'",
        ),
        (
            EXPERIMENTS,
            '"why_root"',
            '"norm"',
            f"{EXPERIMENTS}:1",
            "'norm' is the name of an automatic task or of a function",
        ),
        (
            EXPERIMENTS,
            '"why_root"',
            '"scale"',
            f"{EXPERIMENTS}:1",
            "'scale' is the name of an automatic task or of a funct",
        ),
        (EXPERIMENTS, "lengths = [1, 2, 3]", "lengths = [", f"{EXPERIMENTS}:11", "not valid Python"),
        (
            PUBLIC,
            "points=30",
            "points=31",
            f"{PUBLIC}:1",
            "an assignment is 100 points; this one is 91 by checks and 10 by",
        ),
    ],
)
def test_a_mistake_is_told_with_file_and_line(root, file, old, new, place, message):
    change(root / file, old, new)
    with pytest.raises(SourceError) as caught:
        load_assignment(root, "hw1")
    told = str(caught.value).replace(f"{root}/", "").splitlines()
    assert [line for line in told if line.startswith(f"{place}: ") and message in line], told


def test_a_hidden_check_has_another_name_than_every_public_one(root):
    change(root / HIDDEN, "TestNormMore", "TestNorm")
    change(root / HIDDEN, "test_of_a_secret_vector", "test_of_nothing")
    with pytest.raises(
        SourceError, match=r"hidden\.py:6: there is already a check TestNorm::test_of_nothing \(test_vect"
    ):
        load_assignment(root, "hw1")


def test_a_graded_cell_without_a_region_is_an_error(root):
    write(root / EXPERIMENTS, '# %% points=5 task="plot"\npass\n')
    with pytest.raises(SourceError, match=r"experiments\.py:1: a graded cell holds a solution region"):
        load_assignment(root, "hw1")


def test_an_assignment_needs_no_experiments(root):
    (root / EXPERIMENTS).unlink()
    change(root / PUBLIC, "points=60", "points=70")
    assert load_assignment(root, "hw1").manual == ()


def test_mistakes_of_all_files_are_told_at_once(root):
    change(root / PUBLIC, '"norm", points=30', '"norm"')
    change(root / HIDDEN, '"norm"', '"norms"')
    change(root / EXPERIMENTS, '"why_root"', '"not a name"')
    change(root / REFERENCE, "class Adder", "class scale")
    with pytest.raises(SourceError) as caught:
        load_assignment(root, "hw1")
    told = str(caught.value)
    assert all(f"{root / name}:" in told for name in (PUBLIC, HIDDEN, EXPERIMENTS, REFERENCE))


def test_a_second_task_may_be_about_the_same_function(root):
    path = root / "assignments/hw1/test_vectors.py"
    more = '\n\n@pytest.mark.task("norm_speed", points=5, covers=("norm",))\ndef test_speed(hw):\n    hw.norm([1.0])\n'
    path.write_text(path.read_text("utf-8").replace("points=30", "points=25") + more)
    found = {task.name: task.covers for task in load_assignment(root, "hw1").tasks}
    assert found["norm"] == found["norm_speed"] == ("norm",)
