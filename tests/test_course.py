"""The course itself: what `grader validate` proves, assignment by assignment, and that its notebooks run."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from grader import replay
from grader.assignment import assignment_names, checks, load_assignment, load_mutants, load_variants
from grader.build import build
from grader.grade import grade, tape_of
from grader.leaks import leaks, read_files
from grader.model import Assignment, Mutant, Status, Variant
from grader.validate import of_sources, prove_mutant, prove_reference, prove_stub, prove_tape, prove_variant

ROOT = Path(__file__).parent.parent
ASSIGNMENTS = [load_assignment(ROOT, name) for name in assignment_names(ROOT)]
MUTANTS = [(assignment, mutant) for assignment in ASSIGNMENTS for mutant in load_mutants(assignment)]
VARIANTS = [(assignment, variant) for assignment in ASSIGNMENTS for variant in load_variants(assignment)]
SAMPLED = 25  # one mutant in so many is graded without the tape here; all of them by `grader validate --thorough`
CHECKS = {"hw1": 74, "hw2": 89, "hw3": 102, "hw4": 81, "hw5": 74, "hw6": 149}  # pinned, so that no check is lost unseen

# Speeds are measured one after the other on a machine, minutes each: one of pytest's processes does them.
SPEED = [pytest.mark.xdist_group("speed"), pytest.mark.timeout(1800)]
each_assignment = pytest.mark.parametrize("assignment", ASSIGNMENTS, ids=lambda assignment: assignment.name)
each_assignment_in_turn = pytest.mark.parametrize(
    "assignment",
    [pytest.param(each, marks=SPEED * (len(each.modules) > 1)) for each in ASSIGNMENTS],
    ids=lambda assignment: assignment.name,
)


@each_assignment_in_turn
def test_the_reference_earns_every_automatic_point(assignment: Assignment) -> None:
    assert [(finding.what, finding.detail) for finding in prove_reference(assignment) if not finding.ok] == []


@each_assignment_in_turn
def test_the_stub_earns_nothing(assignment: Assignment) -> None:
    assert [(finding.what, finding.detail) for finding in prove_stub(assignment) if not finding.ok] == []


@each_assignment_in_turn
def test_every_check_of_the_stub_is_not_started(assignment: Assignment) -> None:
    sources = {module: assignment.stub(module).read_text(encoding="utf-8") for module in assignment.modules}
    report = grade(assignment, of_sources(assignment, sources))
    tasks = {task.name for task in assignment.tasks if task.module == assignment.modules[0]}
    assert {result.status for result in report.results if result.check.task in tasks} == {Status.NOT_STARTED}
    assert {result.status for result in report.results} <= {Status.NOT_STARTED, Status.SKIPPED}  # what takes a GPU


@each_assignment
def test_the_reference_passes_whatever_examples_are_drawn(assignment: Assignment) -> None:
    tasks = [task.name for task in assignment.tasks if task.module == assignment.modules[0]]  # kernels draw nothing
    for seed in ("one", "two"):
        report = grade(
            replace(assignment, seed=seed), of_sources(assignment, {}), tasks=tasks, isolate=False, taped=False
        )
        assert [(r.check.name, r.message) for r in report.results if r.status is not Status.PASSED] == []


@pytest.mark.parametrize(("assignment", "mutant"), MUTANTS, ids=[f"{a.name}-{m.name}" for a, m in MUTANTS])
def test_every_mutant_is_killed_by_the_check_it_names(
    assignment: Assignment, mutant: Mutant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "SHRINKING", 0.3)  # how small the example is that kills it matters to students
    finding = prove_mutant(assignment, mutant)
    assert finding.ok, finding.detail


@pytest.mark.parametrize(
    ("assignment", "variant"),
    [pytest.param(a, v, marks=SPEED * (v.module != a.modules[0])) for a, v in VARIANTS],
    ids=[f"{a.name}-{v.name}" for a, v in VARIANTS],
)
def test_every_variant_earns_full_marks(assignment: Assignment, variant: Variant) -> None:
    finding = prove_variant(assignment, variant)
    assert finding.ok, finding.detail


@pytest.mark.parametrize(
    ("assignment", "work"),
    [*MUTANTS[::SAMPLED], *[(a, variant) for a, variant in VARIANTS if variant.module == a.modules[0]][::5]],
    ids=lambda item: item.name,
)
def test_the_tape_gives_every_check_the_status_and_the_hint_of_the_ordinary_way(
    assignment: Assignment, work: Mutant | Variant
) -> None:
    finding = prove_tape(assignment, work)
    assert finding.ok, finding.detail


@each_assignment
def test_every_check_that_draws_before_it_runs_is_on_the_tape(assignment: Assignment) -> None:
    tape = tape_of(assignment)
    names = {name.partition("[")[0] for name in tape.checks}
    drawing = {task.name for task in assignment.tasks if task.module == assignment.modules[0]}  # kernels draw nothing
    assert names == {check.name for check in checks(assignment) if check.task in drawing}
    reasons = {name: taped.reason for name, taped in tape.checks.items() if not taped.examples}
    assert {name: reason for name, reason in reasons.items() if "st.data" not in reason} == {}


@each_assignment
def test_no_check_is_lost(assignment: Assignment) -> None:
    assert len(checks(assignment)) == CHECKS[assignment.name]


@each_assignment
def test_at_least_three_variants_and_a_mutant_for_each_task(assignment: Assignment) -> None:
    assert len(load_variants(assignment)) >= 3
    tasks = {
        task.name for task in assignment.tasks if not task.name.endswith("_speed")
    }  # cheats do: test_throughput_...
    assert {mutant.task for mutant in load_mutants(assignment)} == tasks


@each_assignment
def test_generated_files_are_in_step(assignment: Assignment) -> None:
    assert build(ROOT, [assignment.name], check=True) == []


@each_assignment
def test_no_answer_is_in_what_students_get(assignment: Assignment) -> None:
    for folder in (assignment.student_dir, assignment.release_dir):
        files = read_files(folder)
        assert len(files) >= 3
        assert leaks(assignment, files) == []


def test_no_answer_is_in_a_built_wheel(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    files = read_files(wheel)
    assert any(name.endswith("grading.ini") for name in files)
    for assignment in ASSIGNMENTS:
        assert leaks(assignment, files) == []


@each_assignment
def test_the_notebook_runs_from_top_to_bottom_with_the_reference(assignment: Assignment, tmp_path: Path) -> None:
    import nbformat
    from nbclient import NotebookClient

    for path in (*assignment.release_dir.glob("test_*.py"), *assignment.solution_dir.glob("*.ipynb")):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    notebook = nbformat.read(tmp_path / f"{assignment.notebook}.ipynb", as_version=4)
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    texts = [output["data"]["text/plain"] for output in shown if "data" in output]
    tasks = [task for task in assignment.tasks if task.module == assignment.modules[0]]  # kernels take a process
    assert sum("public checks pass" in text for text in texts) == len(tasks)
    assert not any("✗" in text for text in texts)
    assert any("image/png" in output.get("data", {}) for output in shown)
    assert not any(output.get("name") == "stderr" for output in shown)


@each_assignment
def test_the_experiments_run_as_a_script(assignment: Assignment) -> None:
    script = assignment.solution_dir / "experiments.py"
    environment = os.environ | {"MPLBACKEND": "Agg"}
    done = subprocess.run(
        [sys.executable, "-W", "error", script.name], cwd=script.parent, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
