"""Grades one submission: public and hidden checks, here; the submission's code in a process of its own."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import grader
from grader import sandbox
from grader.assignment import checks
from grader.errors import SubmissionError
from grader.mistakes import Mistakes
from grader.model import Assignment, Check, CheckResult, Report, Status, Submission
from grader.plugin import RUN
from grader.run import Run
from grader.submission import read_submission

CONFIG = Path(__file__).with_name("grading.ini")
ATTEMPTS = 2  # when a check fails through our own fault
_imported: dict[str, tuple[str, int]] = {}  # check modules that pytest left in sys.modules: file and time of change


def grade(
    assignment: Assignment,
    submission: Submission,
    *,
    tasks: Collection[str] | None = None,
    isolate: bool = True,
    hints: bool = True,
) -> Report:
    """Grade a submission.

    Args:
        assignment: from `grader.assignment.load_assignment`.
        submission: from `grader.submission.read_submission`.
        tasks: only these; None for all.
        isolate: False runs the submission in this very process, which is for code that is trusted.
        hints: compare wrong answers with the assignment's mutants, and name the mistake.

    Returns:
        One result for each check of the tasks. A check that fails through our fault is tried again, and then stays
        `error`: its task's points are open, not lost.
    """
    wanted = tuple(task for task in assignment.tasks if tasks is None or task.name in tasks)
    expected = [check for check in checks(assignment) if check.task in {task.name for task in wanted}]
    results: dict[str, CheckResult] = {}
    problem = ""
    for _ in range(ATTEMPTS):
        open_tasks = {check.task for check in expected if _is_open(results.get(check.name))}
        if not open_tasks:
            break
        found, problem = _run(assignment, submission, frozenset(open_tasks), isolate=isolate, hints=hints)
        results |= found
    missing = f"This check was not run, which is not your fault. {problem}".rstrip()
    return Report(
        student=submission.student,
        assignment=assignment.name,
        tasks=wanted,
        results=tuple(
            replace(results[check.name], check=check) if check.name in results else _error(check, missing)
            for check in expected
        ),
        notes=submission.notes,
        environment=environment(isolate),
    )


def unreadable(assignment: Assignment, student: str, message: str) -> Report:
    """The report of a submission that cannot be read: it earns nothing, and every check says why."""
    return Report(
        student=student,
        assignment=assignment.name,
        tasks=assignment.tasks,
        results=tuple(CheckResult(check=check, status=Status.FAILED, message=message) for check in checks(assignment)),
        notes=(message,),
        environment=environment(True),
    )


def environment(isolate: bool) -> dict[str, str]:
    """Where and with what a report was made."""
    return {
        "isolation": sandbox.LEVEL if isolate else "none (the submission ran in the grader's own process)",
        "grader": grader.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
    }


def _is_open(result: CheckResult | None) -> bool:
    return result is None or result.status is Status.ERROR


def _error(check: Check, message: str) -> CheckResult:
    return CheckResult(check=check, status=Status.ERROR, message=message)


def _run(
    assignment: Assignment, submission: Submission, tasks: frozenset[str], *, isolate: bool, hints: bool
) -> tuple[dict[str, CheckResult], str]:
    """The results by check, and what kept checks from running, if anything did."""
    run = Run(
        cells=dict(submission.modules),
        in_process=not isolate,
        tasks=tasks,
        limits=assignment.limits,
        seed=assignment.seed,
        on_failure=Mistakes(assignment).name if hints else None,
    )
    files = [
        path
        for module in assignment.modules
        for path in (assignment.public_checks(module), assignment.hidden_checks(module))
    ]
    files = [path for path in files if path.exists()]
    arguments = ["-c", str(CONFIG), f"--rootdir={assignment.root}", "--import-mode=importlib", "--noconftest", "-s"]
    arguments += ["-p", "no:terminal", "-p", "no:cacheprovider", "-p", "no:timeout", "-p", "no:xdist"]
    _forget_changed(files)
    with _clean_environment():
        status = pytest.main([*arguments, *map(str, files)], plugins=[bring := Bring(run)])
    _remember(files)
    if status not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED) and not bring.problem:
        bring.problem = f"pytest ended with {status!s}."
    return run.results, bring.problem


class Bring:
    """Gives pytest the run, and hears of check files that cannot be imported."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self.problem = ""

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.problem = f"{report.nodeid} cannot be imported: {report.longreprtext.strip().splitlines()[-1]}"

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        config.stash[RUN] = self._run


@contextmanager
def _clean_environment() -> Iterator[None]:
    names = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTEST_DISABLE_PLUGIN_AUTOLOAD", "PYTEST_CURRENT_TEST")
    saved = {name: os.environ.pop(name) for name in names if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(saved)


def _forget_changed(files: list[Path]) -> None:
    """pytest keeps the check files it has imported, by name: drop those that are now another file, or a changed one."""
    current = {(str(path), path.stat().st_mtime_ns) for path in files}
    for name, stamp in list(_imported.items()):
        if stamp not in current:
            sys.modules.pop(name, None)
            del _imported[name]


def _remember(files: list[Path]) -> None:
    stamps = {str(path): path.stat().st_mtime_ns for path in files}
    for name, module in list(sys.modules.items()):
        path = getattr(module, "__file__", None)
        if path in stamps:
            _imported[name] = path, stamps[path]


def grade_path(assignment: Assignment, path: Path, student: str) -> Report:
    """Read and grade what lies at `path`; a submission that cannot be read earns nothing, and its report says why."""
    try:
        submission = read_submission(path, assignment, student)
    except SubmissionError as error:
        return unreadable(assignment, student, str(error))
    return grade(assignment, submission)
