"""Proves an assignment right: what `grader validate` and CI run.

1. The reference earns every automatic point, the stub none; in process and isolated alike.
2. Every mutant is killed by the check it names (and, when `thorough`, costs points of its own task only, and gets
   from the tape what it gets from examples that are drawn anew).
3. Every variant earns full marks.
4. No answer, hidden check, mutant or variant is in assignments/, release/ or the installable package.
5. No generated file is out of step with its source.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from grader.assignment import load_mutants, load_variants
from grader.build import build
from grader.grade import grade
from grader.leaks import leaks, read_files
from grader.model import Assignment, Cell, CheckResult, Mutant, Report, Status, Submission, Variant


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was proved, or was not."""

    what: str  # "reference", "mutant no-max-shift", ...
    ok: bool
    detail: str


def validate(assignment: Assignment, *, wheel: Path | None = None, thorough: bool = False) -> Iterator[Finding]:
    """Prove one assignment, finding by finding.

    Args:
        wheel: a built wheel of the package, searched for answers; None searches the package's source.
        thorough: run every mutant through all checks, not only through the one that it names; and hold the tape
            against examples drawn anew, for every mutant and variant.
    """
    mutants, variants = load_mutants(assignment), load_variants(assignment)
    yield from prove_reference(assignment)
    yield from prove_stub(assignment)
    for mutant in mutants:
        yield prove_mutant(assignment, mutant, thorough=thorough)
    for variant in variants:
        yield prove_variant(assignment, variant)
    if thorough:
        yield from (prove_tape(assignment, mutant) for mutant in mutants)
        yield from (prove_tape(assignment, variant) for variant in variants)
    yield _none(
        "generated files", build(assignment.root, [assignment.name], check=True), "all in step with their source"
    )
    for name, files in _public(assignment, wheel):
        yield _none(f"answers in {name}", leaks(assignment, files), f"none in {len(files)} files")


def prove_reference(assignment: Assignment) -> Iterator[Finding]:
    """Whether the reference earns every automatic point that can be measured here, isolated and in process."""
    return _whole(assignment, "reference", assignment.reference, assignment_total(assignment))


def prove_stub(assignment: Assignment) -> Iterator[Finding]:
    """Whether the stub earns nothing, isolated and in process."""
    return _whole(assignment, "stub", assignment.stub, 0.0)


def prove_variant(assignment: Assignment, variant: Variant) -> Finding:
    """Whether a variant earns full marks in the tasks of its module."""
    tasks = [task for task in assignment.tasks if task.module == variant.module]
    submission = of_sources(assignment, {variant.module: variant.source})
    report = grade(assignment, submission, tasks=[task.name for task in tasks], hints=False)
    return _scored(f"variant {variant.name}", report, sum(task.points for task in tasks))


def prove_mutant(assignment: Assignment, mutant: Mutant, *, thorough: bool = False) -> Finding:
    """Whether a mutant is killed by the check that it names; all others run only when `thorough`."""
    submission = of_sources(assignment, {mutant.module: mutant.source})
    report = grade(assignment, submission, names=None if thorough else [mutant.killed_by])
    measured = [result for result in report.results if result.status is not Status.SKIPPED]
    killers = {result.check.name for result in measured if result.status is not Status.PASSED}
    others = sorted(
        {result.check.task for result in measured if result.status is not Status.PASSED} - _alike(assignment, mutant)
    )
    named = any(result.hint == mutant.hint for result in report.results)
    problems = []
    unmeasured = {result.check.name: result for result in report.results if result.status is Status.SKIPPED}
    if mutant.killed_by in unmeasured:
        return Finding(
            what=f"mutant {mutant.name}", ok=True, detail=f"not measured: {unmeasured[mutant.killed_by].message}"
        )
    if mutant.killed_by not in killers:
        problems.append(f"survives {mutant.killed_by}")
    if others:
        problems.append(f"costs points of other tasks too: {', '.join(others)}")
    if broken := [result for result in measured if not result.status.settled]:
        problems.append(f"a check failed by itself: {_line(broken[0])}")
    detail = "; ".join(problems) or f"killed by {mutant.killed_by}" + ("" if named else " (its hint is not given)")
    return Finding(what=f"mutant {mutant.name}", ok=not problems, detail=detail)


def _alike(assignment: Assignment, mutant: Mutant) -> set[str]:
    """The task of a mutant, and those that ask for the same functions: a wrong kernel has no speed."""
    covered = {name for task in assignment.tasks if task.name == mutant.task for name in task.covers}
    return {task.name for task in assignment.tasks if covered & set(task.covers)}


def prove_tape(assignment: Assignment, work: Mutant | Variant) -> Finding:
    """Whether the tape gives every check the status and the hint that examples drawn anew give."""
    submission = of_sources(assignment, {work.module: work.source})
    tasks = [work.task] if isinstance(work, Mutant) else [t.name for t in assignment.tasks if t.module == work.module]
    played, drawn = (grade(assignment, submission, tasks=tasks, taped=taped) for taped in (True, False))
    differ = [
        f"{a.check.name}: {a.status} with hint {a.hint!r} by the tape, {b.status} with hint {b.hint!r} without"
        for a, b in zip(played.results, drawn.results, strict=True)
        if (a.status, a.hint) != (b.status, b.hint)
    ]
    return _none(f"tape, {work.name}", differ, "as without it")


def assignment_total(assignment: Assignment) -> float:
    """The automatic points of an assignment."""
    return sum(task.points for task in assignment.tasks)


def of_sources(assignment: Assignment, sources: dict[str, str]) -> Submission:
    """A submission made of module sources; the reference stands for modules that are not given."""
    modules = {}
    for module in assignment.modules:
        source = sources[module] if module in sources else assignment.reference(module).read_text(encoding="utf-8")
        modules[module] = (Cell(filename=f"{module}.py", source=source),)
    return Submission(student="", assignment=assignment.name, modules=modules)


def _whole(assignment: Assignment, what: str, file: Callable[[str], Path], expected: float) -> Iterator[Finding]:
    """Grade isolated and in process; both must give the score, check by check the same.

    A speed is measured once: a kernel has a process of its own in either case.
    """
    sources = {module: file(module).read_text(encoding="utf-8") for module in assignment.modules}
    submission = of_sources(assignment, sources)
    isolated = grade(assignment, submission, hints=False)
    yield _scored(what, isolated, expected)
    again = [result for result in isolated.results if not (result.status is Status.PASSED and result.message)]
    inside = grade(assignment, submission, names=[result.check.name for result in again], isolate=False, hints=False)
    pairs = zip(again, inside.results, strict=True)
    differ = [
        f"{a.check.name}: {a.status} isolated, {b.status} in process" for a, b in pairs if a.status is not b.status
    ]
    yield _none(f"{what}, in process", differ, f"{len(again)} checks, all as when isolated")


def _scored(what: str, report: Report, expected: float) -> Finding:
    skipped = {result.check.task: result.message for result in report.results if result.status is Status.SKIPPED}
    unmeasured = [task for task in report.open_tasks if task.name in skipped]
    expected -= sum(task.points for task in unmeasured) if expected else 0.0
    wrong = [
        result
        for result in report.results
        if result.status is not Status.SKIPPED and (result.status is Status.PASSED) != (expected > 0)
    ]
    ok = report.score == expected and set(report.open_tasks) == set(unmeasured) and not wrong
    detail = f"{report.score:g} of {report.max_score:g} points"
    detail += "".join(f"; {task.name} not measured: {skipped[task.name]}" for task in unmeasured)
    if not ok:
        detail += f", expected {expected:g}" + "".join(f"\n{_line(result)}" for result in wrong)
    return Finding(what=what, ok=ok, detail=detail)


def _none(what: str, found: list[str], good: str) -> Finding:
    return Finding(what=what, ok=not found, detail="\n".join(found) or good)


def _public(assignment: Assignment, wheel: Path | None) -> Iterator[tuple[str, dict[str, bytes]]]:
    """What students get, by name; nothing of a folder that was not made yet, which is out of step already."""
    yield "assignments/", read_files(assignment.student_dir)
    yield "release/", read_files(assignment.release_dir) if assignment.release_dir.exists() else {}
    package = wheel or Path(__file__).parent
    yield "the wheel" if wheel else "the package", read_files(package)


def _line(result: CheckResult) -> str:
    return (
        f"    {result.check.name}: {result.status}: {result.message.strip().splitlines()[0] if result.message else ''}"
    )
