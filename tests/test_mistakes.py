import numpy as np
import pytest
import torch

from grader.assignment import load_assignment
from grader.errors import SourceError
from grader.grade import grade
from grader.mistakes import agree
from grader.model import Cell, Status, Submission
from tests.course import MUTANTS, REFERENCE, make_course, write

HINT = "This is the squared length: the root is missing."
SECRET = "TestNormMore::test_of_a_secret_vector"
SQUARED = "def norm(v):\n    total = 0.0\n    for x in v:\n        total += x ** 2\n    return total\n"


def hints(root, source, **options):
    """The hints of a graded submission, by check."""
    cells = {"vectors": (Cell(filename="vectors.py", source=source),)}
    report = grade(load_assignment(root, "hw1"), Submission(student="ada", assignment="hw1", modules=cells), **options)
    return {result.check.name: result.hint for result in report.results if result.status is Status.FAILED}


@pytest.fixture
def root(tmp_path):
    return make_course(tmp_path)


def more(name, new, hint="Another mistake."):
    return (
        MUTANTS + f'[[mutant]]\nname = "{name}"\ntask = "norm"\nkilled_by = "{SECRET}"\nhint = "{hint}"\n'
        f'[[mutant.replace]]\nfind = "math.sqrt(sum(x * x for x in v))"\nwith = "{new}"\n'
    )


def test_a_submission_that_behaves_like_a_mutant_gets_its_hint(root):
    assert hints(root, SQUARED)[SECRET] == HINT


def test_the_hint_stands_beside_the_message(root):
    assert HINT not in SQUARED
    cells = {"vectors": (Cell(filename="vectors.py", source=SQUARED),)}
    report = grade(load_assignment(root, "hw1"), Submission(student="", assignment="hw1", modules=cells))
    (result,) = (result for result in report.results if result.check.name == SECRET)
    assert result.message
    assert HINT not in result.message


def test_work_that_is_right_gets_none(root):
    assert hints(root, REFERENCE) == {}


def test_another_mistake_gets_none(root):
    assert hints(root, "def norm(v):\n    return sum(map(abs, v))\n")[SECRET] == ""


def test_where_two_mutants_behave_alike_neither_is_named(root):
    write(root / "solutions/hw1/mutants.toml", more("power", "sum(x**2 for x in v)"))
    assert hints(root, SQUARED)[SECRET] == ""


def test_of_two_mutants_the_one_that_behaves_alike_is_named(root):
    write(root / "solutions/hw1/mutants.toml", more("no_square", "math.sqrt(abs(sum(x for x in v)))"))
    assert hints(root, SQUARED)[SECRET] == HINT
    assert hints(root, "def norm(v):\n    return abs(sum(v)) ** 0.5\n")[SECRET] == "Another mistake."


def test_a_mutant_that_raises_is_matched_by_a_submission_that_raises_alike(root):
    write(root / "solutions/hw1/mutants.toml", more("key", "{}[v[0]] if v else 0.0", "No dict here."))
    assert hints(root, "def norm(v):\n    raise KeyError('x')\n")[SECRET] == "No dict here."


def test_hints_are_not_looked_for_when_they_are_not_wanted_or_nothing_was_recorded(root):
    assert hints(root, SQUARED, hints=False)[SECRET] == ""
    assert hints(root, SQUARED, isolate=False)[SECRET] == ""
    assert hints(root, "x = 1\n")[SECRET] == ""


def test_a_task_without_mutants_gets_none(root):
    assert hints(root, "def scale(v, factor):\n    return v\n")["test_scale_by_zero"] == ""


OBJECTS = """\
import pytest


@pytest.mark.task("norm")
class TestNormMore:
    def test_of_a_secret_vector(self, hw):
        adder = hw.Adder()
        assert hw.norm(adder) == 0.0, "wrong"
"""


def test_what_exists_in_the_other_process_only_cannot_be_repeated_and_gives_no_hint(root):
    write(root / "solutions/hw1/test_vectors_hidden.py", OBJECTS)
    assert hints(root, "class Adder: pass\n\n\ndef norm(v):\n    return 25.0\n")[SECRET] == ""


STAND_IN = """\
import pytest


@pytest.mark.task("norm")
@pytest.mark.stand_in(scale=lambda v, factor: [3.0, 4.0])
class TestNormMore:
    def test_of_a_secret_vector(self, hw):
        assert hw.norm(hw.scale([1.0], 1.0)) == 5.0, "wrong"
"""


def test_mutants_are_asked_with_the_same_stand_ins(root):
    write(root / "solutions/hw1/test_vectors_hidden.py", STAND_IN)
    assert hints(root, SQUARED)[SECRET] == HINT


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1.0, 1.0 + 1e-9),
        (np.ones(3), np.ones(3)),
        (np.float64("nan"), np.float64("nan")),
        ((1, [2.0]), (1, [2.0])),
        ([1], (1,)),
        ({"a": 1}, {"a": 1}),
        ("text", "text"),
        (None, None),
        (ValueError, ValueError),
        (KeyError, LookupError),
        (torch.ones(2, requires_grad=True), torch.ones(2)),
        (torch.ones(2, dtype=torch.bfloat16), torch.ones(2, dtype=torch.bfloat16)),
    ],
)
def test_answers_that_are_the_same_agree(one, other):
    assert agree(one, other)
    assert agree(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1.0, 1.1),
        (1, 1.0),
        (np.ones(3), np.ones((3, 1))),
        (np.ones(3, np.float32), np.ones(3)),
        ([1, 2], [1]),
        ({"a": 1}, {"b": 1}),
        ("text", "other"),
        (None, 0),
        (ValueError, KeyError),
        (ValueError, 1.0),
        (NotImplemented, NotImplemented),
        (torch.ones(2), np.ones(2, np.float32)),
        (slice(1), slice(1)),
        ([[1], [1, 2]], 3),
    ],
)
def test_answers_that_differ_do_not_agree(one, other):
    assert not agree(one, other)
    assert not agree(other, one)


def test_mutants_that_cannot_be_read_are_told_before_anything_is_graded(root):
    write(root / "solutions/hw1/mutants.toml", MUTANTS.replace(SECRET, "TestNorm::test_nowhere"))
    with pytest.raises(SourceError, match="is no check of task 'norm'"):
        hints(root, SQUARED)


def test_a_mutant_that_cannot_be_loaded_is_nobodys_mistake(root):
    broken = more("broken", "0").replace(
        'find = "math.sqrt(sum(x * x for x in v))"\nwith = "0"', 'find = "import math"\nwith = "import nowhere"'
    )
    assert broken != more("broken", "0")
    write(root / "solutions/hw1/mutants.toml", broken)
    assert hints(root, SQUARED)[SECRET] == HINT
