"""Grades one submission: public and hidden checks, here; the submission's code in a process of its own."""

from __future__ import annotations

import platform
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

import grader
from grader.assignment import checks
from grader.checkrun import run_checks
from grader.errors import SandboxError, SubmissionError
from grader.files import Files
from grader.mistakes import Mistakes
from grader.model import Assignment, Cell, Check, CheckResult, Report, Status, Submission, Task, digest
from grader.run import Run
from grader.sandbox.launch import current
from grader.sandbox.level import Level
from grader.submission import read_submission
from grader.tape import Tape, alone, load, save
from grader.version import ingredients, version_of

ATTEMPTS = 2  # when a check fails through our own fault
UNSANDBOXED = "UNSANDBOXED"  # how the isolation of a report begins, if there was none worth the name
REFUSED = (
    "This machine cannot keep submissions apart (level E): submitted code could read tests, solutions and gradebook, "
    "change its own score and use the network. So nothing is graded. `grader doctor` says what a better level takes. "
    "If you have read the submissions, or the machine is there for nothing else: `grader grade --accept-unsandboxed`, "
    "`nbgrader autograde --Autograde.accept_unsandboxed=True`; every result will be marked."
)


def grade(
    assignment: Assignment,
    submission: Submission,
    *,
    tasks: Collection[str] | None = None,
    names: Collection[str] | None = None,
    isolate: bool = True,
    hints: bool = True,
    taped: bool = True,
) -> Report:
    """Grade a submission.

    Args:
        assignment: from `grader.assignment.load_assignment`.
        submission: from `grader.submission.read_submission`.
        tasks: only these; None for all.
        names: of their checks only these; None for all.
        isolate: False runs the submission in this very process, which is for code that is trusted.
        hints: compare wrong answers with the assignment's mutants, and name the mistake.
        taped: replay the examples of the tape; False draws them anew, which takes longer and finds the same.

    Returns:
        One result for each check of the tasks. A check that fails through our fault is tried again, and then stays
        `error`: its task's points are open, not lost.
    """
    wanted = tuple(task for task in assignment.tasks if tasks is None or task.name in tasks)
    expected = [
        check
        for check in checks(assignment)
        if check.task in {task.name for task in wanted} and (names is None or check.name in names)
    ]
    results = _unread(submission, wanted, expected)
    problem = ""
    tape = tape_of(assignment) if taped else None
    for _ in range(ATTEMPTS):
        left = {check.name for check in expected if _is_open(results.get(check.name))}
        if not left:
            break
        found, problem = _run(assignment, submission, frozenset(left), tape, isolate=isolate, hints=hints)
        results |= {name: result for name, result in found.items() if _is_open(results.get(name))}
    missing = f"This check was not run, which is not your fault. {problem}".rstrip()
    return Report(
        student=submission.student,
        assignment=assignment.name,
        tasks=tuple(task for task in wanted if task.name in {check.task for check in expected}),
        results=tuple(
            replace(results[check.name], check=check) if check.name in results else _error(check, missing)
            for check in expected
        ),
        notes=submission.notes,
        environment=environment(isolate),
    )


def _unread(submission: Submission, tasks: Sequence[Task], expected: Sequence[Check]) -> dict[str, CheckResult]:
    """The results of the checks whose module was not handed in, or cannot be read, by name."""
    why = {task.name: submission.unread[task.module] for task in tasks if task.module in submission.unread}
    return {
        check.name: CheckResult(check=check, status=Status.FAILED, message=why[check.task])
        for check in expected
        if check.task in why
    }


def unreadable(assignment: Assignment, student: str, message: str) -> Report:
    """The report of a submission that cannot be read: it earns nothing, and every check says why."""
    return _all_alike(assignment, student, Status.FAILED, message)


def unmeasured(assignment: Assignment, student: str, message: str) -> Report:
    """The report of a submission that we failed to grade: all points are open, and every check says why."""
    return _all_alike(assignment, student, Status.ERROR, message)


def _all_alike(assignment: Assignment, student: str, status: Status, message: str) -> Report:
    return Report(
        student=student,
        assignment=assignment.name,
        tasks=assignment.tasks,
        results=tuple(CheckResult(check=check, status=status, message=message) for check in checks(assignment)),
        notes=(message,),
        environment=_made_with("none needed (nothing was run)"),
    )


def require_sandbox(accept: bool) -> None:
    """Official grading asks this first.

    Args:
        accept: to go on where submissions cannot be kept apart.

    Raises:
        SandboxError: they cannot; or the level that GRADER_SANDBOX asks for is not to be had.
    """
    if current().level is Level.E and not accept:
        raise SandboxError(REFUSED)


def environment(isolate: bool) -> dict[str, str]:
    """Where and with what a report was made."""
    if not isolate:
        return _made_with("none (the submission ran in the grader's own process)")
    level = current().level
    return _made_with(f"{UNSANDBOXED}, level {level.label}" if level is Level.E else f"level {level.label}")


def _made_with(isolation: str) -> dict[str, str]:
    return {
        "isolation": isolation,
        "grader": grader.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
    }


def _is_open(result: CheckResult | None) -> bool:
    return result is None or result.status is Status.ERROR


def _error(check: Check, message: str) -> CheckResult:
    return CheckResult(check=check, status=Status.ERROR, message=message)


def tape_of(assignment: Assignment) -> Tape:
    """The tape of an assignment as it is now: made with its reference, unless there is one.

    A tape that cannot be made now, because no worker can be had, say, is empty, and tried again next time.
    """
    name = digest([version_of(ingredients(assignment)), assignment.seed])
    if name not in _tapes:
        with alone(name):
            tape, whole = load(name), True
            if tape is None:
                tape, whole = _recorded(assignment)
                if not whole:
                    return tape
                save(tape, name)
        _tapes[name] = tape
    return _tapes[name]


_tapes: dict[str, Tape] = {}  # by name


def _recorded(assignment: Assignment) -> tuple[Tape, bool]:
    """A new tape, and whether it has all there is to have."""
    tape = Tape()
    modules: dict[str, tuple[Cell, ...]] = {}
    for module in assignment.modules:
        source = assignment.reference(module).read_text(encoding="utf-8")
        modules[module] = (Cell(filename=f"{module}.py", source=source),)
    run = Run(cells=modules, limits=assignment.limits, seed=assignment.seed, tape=tape, recording=True)
    problem = run_checks(run, _check_files(assignment), assignment.root)
    results = [result for report in run.reports().values() for result in report.results]
    return tape, not problem and all(result.status.settled for result in results)


def _check_files(assignment: Assignment) -> list[Path]:
    files = [
        path
        for module in assignment.modules
        for path in (assignment.public_checks(module), assignment.hidden_checks(module))
    ]
    return [path for path in files if path.exists()]


def _run(
    assignment: Assignment,
    submission: Submission,
    names: frozenset[str],
    tape: Tape | None,
    *,
    isolate: bool,
    hints: bool,
) -> tuple[dict[str, CheckResult], str]:
    """The results by check, and what kept checks from running, if anything did."""
    run = Run(
        cells=dict(submission.modules),
        in_process=not isolate,
        names=names,
        limits=assignment.limits,
        seed=assignment.seed,
        on_failure=Mistakes(assignment).name if hints else None,
        tape=tape,
    )
    problem = run_checks(run, _check_files(assignment), assignment.root)
    found = [result for report in run.reports().values() for result in report.results]
    return {result.check.name: result for result in found}, problem


def grade_path(assignment: Assignment, path: Path | Files, student: str) -> Report:
    """Read and grade what lies at `path`; a submission that cannot be read earns nothing, and its report says why."""
    try:
        submission = read_submission(path, assignment, student)
    except SubmissionError as error:
        return unreadable(assignment, student, str(error))
    return grade(assignment, submission)
