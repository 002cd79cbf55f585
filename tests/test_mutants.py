import pytest

from grader.assignment import load_assignment, load_mutants, load_variants
from grader.errors import SourceError
from tests.course import MUTANTS, REFERENCE, VARIANT, change, make_course, make_two_module_course, write

FILE = "solutions/hw1/mutants.toml"


@pytest.fixture
def root(tmp_path):
    return make_course(tmp_path)


def test_a_mutant_is_the_reference_with_its_change(root):
    (mutant,) = load_mutants(load_assignment(root, "hw1"))
    assert mutant.source == REFERENCE.replace("math.sqrt(sum(x * x for x in v))", "sum(x * x for x in v)")
    assert (mutant.name, mutant.task, mutant.module) == ("no_root", "norm", "vectors")
    assert mutant.hint == "This is the squared length: the root is missing."


def test_all_replacements_are_found_in_the_unchanged_reference(root):
    more = '[[mutant.replace]]\nfind = "def norm(v: Vector)"\nwith = "def norm(v)"\n'
    more += '[[mutant.replace]]\nfind = "Now scale it."\nwith = "def norm(v: Vector)"\n'
    write(root / FILE, MUTANTS + more)
    (mutant,) = load_mutants(load_assignment(root, "hw1"))
    assert "def norm(v) ->" in mutant.source
    assert "# def norm(v: Vector)" in mutant.source


def test_a_mutant_may_change_another_module_than_its_task_says(tmp_path):
    root = make_two_module_course(tmp_path)
    change(root / FILE, 'task = "norm"', 'task = "norm"\nmodule = "kernels"')
    change(root / FILE, 'find = "math.sqrt(sum(x * x for x in v))"', 'find = "x * y for"')
    change(root / FILE, 'with = "sum(x * x for x in v)"', 'with = "x + y for"')
    (mutant,) = load_mutants(load_assignment(root, "hw1"))
    assert mutant.module == "kernels"
    assert "x + y for" in mutant.source


def test_without_file_and_folder_there_are_none(root):
    (root / FILE).unlink()
    (root / "solutions/hw1/variants/hypot.py").unlink()
    assignment = load_assignment(root, "hw1")
    assert load_mutants(assignment) == ()
    assert load_variants(assignment) == ()


FIND = 'find = "math.sqrt(sum(x * x for x in v))"\nwith = "sum(x * x for x in v)"'


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ('"no_root"', "no_root", 2, "not valid TOML"),
        ("[[mutant]]", "[[mutants]]", 1, ""),
        ("[[mutant]]", "x = 1\n[[mutant]]", 1, "expected nothing but [[mutant]] tables"),
        ('name = "no_root"\n', "", 1, "a mutant has name, task, killed_by, hint, module, replace; found task,"),
        ('"This is the squared length: the root is missing."', '" "', 1, "a mutant has name, task, killed_by, hint"),
        ('task = "norm"', 'task = "norm"\ntasks = 1', 1, "a mutant has name, task, killed_by, hint"),
        ('task = "norm"', 'task = "norms"', 1, "mutant 'no_root': no task 'norms'; there are norm, vectors"),
        ('task = "norm"', 'task = "norm"\nmodule = "v"', 1, "mutant 'no_root': no module 'v'; there are vectors"),
        (
            'task = "norm"',
            'task = "vectors"',
            1,
            "secret_vector' is no check of task 'vectors'; it has test_scale_by_zero",
        ),
        ("TestNormMore::", "TestNorm::", 1, "'TestNorm::test_of_a_secret_vector' is no check of task 'norm'"),
        (FIND, 'find = "v: Vector"\nwith = "v"', 1, "'v: Vector' occurs 3 times, not once"),
        (FIND, 'find = "v: Matrix"\nwith = "v"', 1, "'v: Matrix' occurs 0 times, not once"),
        (FIND, 'find = ""\nwith = "v"', 1, "a [[mutant.replace]] has find and with"),
        (FIND, 'find = "v"', 1, "a [[mutant.replace]] has find and with"),
        (FIND, FIND + "\ncount = 1", 1, "a [[mutant.replace]] has find and with"),
        (FIND, FIND + '\n[[mutant.replace]]\nfind = "sqrt(sum("\nwith = "(sum("', 1, "two replacements overlap"),
        (FIND, 'find = "math.sqrt"\nwith = "math.sqrt"', 1, "nothing changes"),
        ("[[mutant.replace]]\n" + FIND, "", 1, "nothing changes"),
        ("[[mutant.replace]]\n" + FIND, "replace = [1]", 1, "a [[mutant.replace]] has find and with"),
        (FIND, 'find = "math.sqrt("\nwith = "math.sqrt"', 1, "vectors.py, changed so, is not valid Python"),
    ],
)
def test_a_wrong_mutant_is_told_with_its_line(root, old, new, line, message):
    change(root / FILE, old, new)
    with pytest.raises(SourceError) as caught:
        load_mutants(load_assignment(root, "hw1"))
    assert message in str(caught.value)
    assert caught.value.line == line


def test_all_wrong_mutants_are_told_at_once(root):
    write(root / FILE, MUTANTS + "\n" + MUTANTS + "\n" + MUTANTS.replace("no_root", "other").replace("math.", "m."))
    with pytest.raises(SourceError) as caught:
        load_mutants(load_assignment(root, "hw1"))
    assert f"{root / FILE}:10: there is already a mutant 'no_root'" in str(caught.value)
    assert f"{root / FILE}:19: mutant 'other' of vectors.py: " in str(caught.value)


def test_variants_of_one_module_may_lie_in_folders_too(root):
    write(root / "solutions/hw1/variants/loops/vectors.py", VARIANT)
    assert [variant.name for variant in load_variants(load_assignment(root, "hw1"))] == ["hypot", "loops"]


def test_variants_of_several_modules_lie_in_folders(tmp_path):
    root = make_two_module_course(tmp_path)
    write(root / "solutions/hw1/variants/hypot/kernels.py", "def dot(v, w): ...\n")
    variants = load_variants(load_assignment(root, "hw1"))
    assert [(variant.name, variant.module) for variant in variants] == [("hypot", "kernels"), ("hypot", "vectors")]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("loops/vector.py", "", "a variant is variants/<style>.py for module vectors"),
        ("loops/x/vectors.py", "", "a variant is variants/<style>.py for module vectors"),
        ("loops.py", "def", "not valid Python"),
    ],
)
def test_a_wrong_variant_is_told_with_its_file(root, name, text, message):
    write(root / "solutions/hw1/variants" / name, text)
    with pytest.raises(SourceError, match=name.replace(".", r"\.")) as caught:
        load_variants(load_assignment(root, "hw1"))
    assert message in str(caught.value)


def test_a_single_file_is_no_variant_of_several_modules(tmp_path):
    root = make_two_module_course(tmp_path)
    write(root / "solutions/hw1/variants/loops.py", "")
    with pytest.raises(SourceError, match=r"a variant is variants/<style>/<module>\.py for module vectors, kernels"):
        load_variants(load_assignment(root, "hw1"))
