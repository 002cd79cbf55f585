import shutil
import zipfile

import pytest

from grader.assignment import load_assignment, load_mutants
from grader.build import build
from grader.grade import grade
from grader.validate import assignment_total, of_sources, prove_mutant, validate
from tests.course import PUBLIC, VARIANT, change, make_course, make_two_module_course, write


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    root = make_course(tmp_path_factory.mktemp("built"))
    build(root, ["hw1"])
    return root


@pytest.fixture
def root(built, tmp_path):
    return shutil.copytree(built, tmp_path / "course")


@pytest.fixture
def bare(root):
    """The course without mutants and variants, which take time."""
    (root / "solutions/hw1/mutants.toml").unlink()
    shutil.rmtree(root / "solutions/hw1/variants")
    return root


def finding(root, what, **options):
    """The finding of this name; what comes later is not looked at."""
    found = validate(load_assignment(root, "hw1"), **options)
    return next(item for item in found if item.what == what)


def about_mutant(root, **options):
    assignment = load_assignment(root, "hw1")
    return prove_mutant(assignment, *load_mutants(assignment), **options)


def test_the_points_of_an_assignment_are_those_of_its_checks(root):
    assert assignment_total(load_assignment(root, "hw1")) == 90


def test_the_reference_stands_for_modules_that_are_not_given(tmp_path):
    assignment = load_assignment(make_two_module_course(tmp_path), "hw1")
    submission = of_sources(assignment, {"vectors": "x = 1\n"})
    assert [cell.source for cell in submission.modules["vectors"]] == ["x = 1\n"]
    assert "return sum(x * y" in submission.modules["kernels"][0].source


def test_a_reference_that_fails_is_found_with_its_check(root):
    change(root / "solutions/hw1/vectors.py", "return [factor * x for x in v]", "return [factor + x for x in v]")
    wrong = finding(root, "reference")
    assert not wrong.ok
    assert wrong.detail.startswith("30 of 90 points, expected 90\n    test_scale_by_zero: failed: ")


def test_a_stub_that_earns_points_is_found_with_its_check(root):
    change(root / "assignments/hw1/test_vectors.py", "assert hw.norm([]) == 0.0", "pass")
    wrong = finding(root, "stub")
    assert not wrong.ok
    assert wrong.detail == "7.5 of 90 points, expected 0\n    TestNorm::test_of_nothing: passed: "


def test_a_check_that_sees_how_it_is_run_is_found(root):
    """It looks at the type of what it is given, which is a stand-in when isolated."""
    cheat = PUBLIC.replace("assert hw.norm([]) == 0.0", "assert hw.norm.__class__.__name__ != 'function'")
    write(root / "assignments/hw1/test_vectors.py", cheat)
    wrong = finding(root, "reference, in process")
    assert not wrong.ok
    assert wrong.detail == "TestNorm::test_of_nothing: passed isolated, failed in process"


def test_a_mutant_that_survives_is_found(root):
    change(root / "solutions/hw1/mutants.toml", "TestNormMore::test_of_a_secret_vector", "TestNorm::test_of_nothing")
    wrong = about_mutant(root)
    assert not wrong.ok
    assert wrong.detail == "survives TestNorm::test_of_nothing"


def test_a_mutant_whose_hint_no_student_would_read_is_right_but_says_so(root, monkeypatch):
    monkeypatch.setattr("grader.mistakes.Mistakes.name", lambda mistakes, submission, result: result)
    named = about_mutant(root)
    assert named.ok
    assert named.detail == "killed by TestNormMore::test_of_a_secret_vector (its hint is not given)"


def test_a_hint_that_is_lost_on_the_tape_is_found_when_thorough(root, monkeypatch):
    monkeypatch.setattr(
        "grader.validate.grade", lambda *work, taped=True, **how: grade(*work, **(how | {"hints": not taped}))
    )
    wrong = finding(root, "tape, no_root", thorough=True)
    assert not wrong.ok
    hint = "This is the squared length: the root is missing."
    assert wrong.detail == (
        f"TestNormMore::test_of_a_secret_vector: failed with hint '' by the tape, failed with hint {hint!r} without"
    )


def test_the_tape_is_held_against_every_mutant_and_variant_only_when_thorough(root):
    held = [item for item in validate(load_assignment(root, "hw1"), thorough=True) if item.what.startswith("tape")]
    assert [item.what for item in held] == ["tape, no_root", "tape, hypot"]
    assert all(item.ok for item in held)
    assert not any(item.what.startswith("tape") for item in validate(load_assignment(root, "hw1")))


@pytest.mark.parametrize("thorough", [True, False])
def test_a_mutant_that_costs_points_of_other_tasks_is_found_when_thorough(root, thorough):
    change(
        root / "assignments/hw1/test_vectors.py", "assert hw.scale([1.0], 0.0) == [0.0]", "assert hw.norm([2.0]) == 2"
    )
    found = about_mutant(root, thorough=thorough)
    assert found.ok is not thorough
    assert found.detail.startswith("costs points of other tasks too: vectors" if thorough else "killed by ")


def test_a_check_that_fails_by_itself_proves_nothing(root):
    change(root / "solutions/hw1/test_vectors_hidden.py", "assert hw.norm([3.0, 4.0]) == 5.0", "undefined_name")
    wrong = about_mutant(root)
    assert not wrong.ok
    assert "a check failed by itself:     TestNormMore::test_of_a_secret_vector: error: " in wrong.detail


def test_a_variant_that_loses_points_is_found(root):
    write(root / "solutions/hw1/variants/hypot.py", VARIANT.replace("math.hypot(*v)", "max(map(abs, v), default=0.0)"))
    wrong = finding(root, "variant hypot")
    assert not wrong.ok
    lines = wrong.detail.splitlines()
    assert lines[0] == "82.5 of 90 points, expected 90"
    assert [line.split(":")[2] for line in lines[1:]] == ["test_of_a_secret_vector"]


def test_a_file_that_is_out_of_step_is_found(bare):
    (bare / "assignments/hw1/vectors.py").write_text((bare / "assignments/hw1/vectors.py").read_text() + "\n# more\n")
    wrong = finding(bare, "generated files")
    assert not wrong.ok
    assert "assignments/hw1/vectors.py" in wrong.detail


def test_a_release_that_is_not_there_is_out_of_step_and_holds_no_answers(bare):
    shutil.rmtree(bare / "release")
    found = {item.what: item for item in validate(load_assignment(bare, "hw1"))}
    assert not found["generated files"].ok
    assert found["answers in release/"].ok
    assert found["answers in release/"].detail == "none in 0 files"


def test_an_answer_that_students_get_is_found(bare):
    write(bare / "assignments/hw1/tips.py", "def norm(v):\n    return math.sqrt(sum(x * x for x in v))\n")
    wrong = finding(bare, "answers in assignments/")
    assert not wrong.ok
    assert wrong.detail == "tips.py: holds a line of the solution: return math.sqrt(sum(x * x for x in v))"


def test_an_answer_in_the_wheel_is_found(bare, tmp_path):
    with zipfile.ZipFile(tmp_path / "grader.whl", "w") as wheel:
        wheel.writestr("solutions/hw1/vectors.py", "x = 1\n")
    wrong = finding(bare, "answers in the wheel", wheel=tmp_path / "grader.whl")
    assert not wrong.ok
    assert wrong.detail == "solutions/hw1/vectors.py: belongs to the solutions"
