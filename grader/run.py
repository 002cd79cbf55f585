"""One run of checks: which submission stands behind `hw`, and what became of each check."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from grader.errors import SubmissionTimeout
from grader.feedback import judge, not_started
from grader.hypothesis_run import configured
from grader.local import Local, load, run_cells
from grader.model import Cell, Check, CheckResult, Limits, Status, Task
from grader.remote import Session
from grader.submission import find, read_cells

DESK_SEED = "desk"  # the examples a student sees; those of grading come from the assignment's own seed
TIMED_OUT = "Timeout"  # how pytest-timeout's message begins


@dataclass(kw_only=True)
class Run:
    """The submissions of one pytest run, by module, and how they are reached.

    Args:
        path: of the submission; None takes the module beside each check file.
        isolate: put it into a process of its own.
        in_process: run `cells` in this process; only for code that is trusted.
        cells: code by module, already read (when grading).
        namespace: the names of a notebook, for checks called from one of its cells.
        tasks: only these; None for all.
    """

    path: Path | None = None
    isolate: bool = False
    in_process: bool = False
    cells: dict[str, tuple[Cell, ...]] = field(default_factory=dict)
    namespace: dict[str, Any] | None = None
    tasks: frozenset[str] | None = None
    limits: Limits = Limits()
    seed: str = DESK_SEED
    on_failure: Callable[[Session | Local, CheckResult], CheckResult] | None = None
    results: dict[str, CheckResult] = field(default_factory=dict)
    points: dict[str, Task] = field(default_factory=dict)
    _open: dict[str, Session | Local] = field(default_factory=dict)

    def submission(self, checks: Path) -> Session | Local:
        """The submission that a check file is about.

        Raises: SubmissionError, if there is none or it cannot be read.
        """
        module = module_of(checks)
        if module not in self._open:
            self._open[module] = self._enter(module, checks.parent)
        return self._open[module]

    def _enter(self, module: str, folder: Path) -> Session | Local:
        if self.namespace is not None:
            return Local(module, self.namespace, set())
        if module in self.cells and self.in_process:
            return run_cells(module, self.cells[module])
        if module in self.cells:
            return Session(module, self.cells[module], self.limits)
        path, _ = find(self.path or folder, module)
        if self.isolate:
            return Session(module, read_cells(path), self.limits)
        return load(path, module)

    def close(self) -> None:
        """End all workers."""
        for submission in self._open.values():
            submission.close()
        self._open.clear()

    def enter_check(
        self, stack: ExitStack, submission: Session | Local, function: Any, check: Check, stand_ins: dict[str, Any]
    ) -> None:
        """Until the stack closes: the check runs with its stand-ins, its examples and its seconds."""
        submission.begin()
        stack.enter_context(submission.stand_in(stand_ins))
        files = getattr(submission, "files", set())
        stack.enter_context(configured(function, check.name, self.seed, functools.partial(guard, files)))

    def settle(
        self, check: Check, error: BaseException | None, seconds: float, submission: Session | Local | None
    ) -> CheckResult:
        """The result of a check that ended, or raised."""
        files = getattr(submission, "files", set())
        if error is None:
            return CheckResult(check=check, status=Status.PASSED, seconds=seconds)
        status, message = judge(not_started(error, files) or error, files)
        result = CheckResult(check=check, status=status, message=message, seconds=seconds)
        if status is Status.FAILED and self.on_failure is not None and submission is not None:
            result = self.on_failure(submission, result)
        return result

    def add(self, result: CheckResult) -> None:
        """Keep a result; of a parametrised check the first that did not pass."""
        before = self.results.get(result.check.name)
        if before is None or before.status is Status.PASSED:
            self.results[result.check.name] = result


def guard(files: Iterable[str], test: Callable[..., Any]) -> Callable[..., Any]:
    """Run one example; an untouched stub and a time-out end the check, however many examples are left."""

    @functools.wraps(test)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            return test(*args, **kwargs)
        except NotImplementedError as error:
            if verdict := not_started(error, set(files)):
                raise verdict from None
            raise
        except BaseException as error:
            if type(error).__name__ == "Failed" and str(error).startswith(TIMED_OUT):
                raise SubmissionTimeout(str(error)) from None
            raise

    return guarded


def module_of(checks: Path) -> str:
    """The module that a check file is about: test_<module>.py, hidden ones test_<module>_hidden.py."""
    return checks.stem.removeprefix("test_").removesuffix("_hidden")
