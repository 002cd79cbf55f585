from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from grader.model import Assignment, Cell, Check, CheckResult, ManualTask, Report, Status, Submission, Task, digest

NORM, SCALE = Task(name="norm", points=30.0), Task(name="scale", points=60.0)


def result(task, status, weight=1.0, name=""):
    return CheckResult(check=Check(name=name or f"{task}{status}", task=task, weight=weight), status=status)


def report(*results, tasks=(NORM, SCALE)):
    return Report(student="ada", assignment="hw1", tasks=tasks, results=results)


def test_a_task_gives_the_share_of_its_passed_weight():
    some = report(result("norm", Status.PASSED, 2), result("norm", Status.FAILED), result("scale", Status.PASSED))
    assert some.score_of(NORM) == 20
    assert some.score == 80
    assert some.max_score == 90


@pytest.mark.parametrize("status", [Status.FAILED, Status.NOT_STARTED, Status.TIMEOUT, Status.CRASHED])
def test_every_settled_outcome_but_passed_earns_nothing(status):
    assert report(result("norm", status)).score_of(NORM) == 0


@pytest.mark.parametrize("status", [Status.SKIPPED, Status.ERROR])
def test_what_could_not_be_measured_leaves_the_task_open(status):
    some = report(result("norm", Status.PASSED), result("norm", status), result("scale", Status.PASSED))
    assert some.score_of(NORM) is None
    assert some.open_tasks == (NORM,)
    assert some.score == 60


def test_a_task_of_which_no_check_was_run_is_open():
    assert report().score_of(NORM) is None


def test_scores_have_no_dust_of_floating_point():
    third = Task(name="third", points=1.0)
    some = report(*(result("third", Status.PASSED, 0.1, str(i)) for i in range(10)), tasks=(third,))
    assert some.score == 1.0


def test_the_results_of_a_task_keep_their_order():
    some = report(result("norm", Status.FAILED), result("scale", Status.PASSED), result("norm", Status.PASSED))
    assert [item.status for item in some.of(NORM)] == [Status.FAILED, Status.PASSED]


def test_values_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        NORM.points = 100


def submission(*cells, module="vectors"):
    return Submission(student="ada", assignment="hw1", modules={module: cells})


def test_the_digest_tells_code_not_people():
    one = submission(Cell(filename="a.py", source="x"))
    assert one.digest == Submission(student="bob", assignment="hw1", modules=one.modules, notes=("late",)).digest
    for other in (
        submission(Cell(filename="a.py", source="y")),
        submission(Cell(filename="b.py", source="x")),
        submission(Cell(filename="a.py", source="x"), module="other"),
        submission(Cell(filename="a.py", source="x"), Cell(filename="a.py", source="")),
    ):
        assert one.digest != other.digest


def test_a_digest_depends_on_where_parts_end():
    assert digest(["ab", "c"]) != digest(["a", "bc"]) != digest(["abc"])
    assert digest(["\ud800"]) != digest(["?"])


def test_an_assignment_knows_its_files():
    root = Path("course")
    hw1 = Assignment(
        name="hw1",
        title="Vectors",
        root=root,
        modules=("vectors", "kernels"),
        tasks=(NORM,),
        manual=(ManualTask(name="plot", points=5.0),),
    )
    assert hw1.notebook == "vectors"
    assert hw1.stub("kernels") == root / "assignments/hw1/kernels.py"
    assert hw1.reference("kernels") == root / "solutions/hw1/kernels.py"
    assert hw1.public_checks("kernels") == root / "assignments/hw1/test_kernels.py"
    assert hw1.hidden_checks("kernels") == root / "solutions/hw1/test_kernels_hidden.py"
    assert hw1.release_dir == root / "release/hw1"
