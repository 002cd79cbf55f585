"""One run of checks: which submission stands behind `hw`, and what became of each check."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from grader.errors import NotStarted, SandboxError, SubmissionTimeout
from grader.feedback import judge, not_started, timed_out
from grader.hypothesis_run import configured
from grader.local import Local, load, of_notebook, run_cells
from grader.model import Cell, Check, CheckResult, Limits, OwnWork, Report, Status, Task
from grader.remote import Session
from grader.replay import play, record
from grader.submission import find, read_cells
from grader.tape import Tape
from grader.throughput.errors import Unmeasured
from grader.throughput.kernel import Kernel, beside, sandboxed
from grader.throughput.result import Measurement
from grader.withheld import BY_HAND

MEASURES = "throughput"  # the fixture of checks that measure a kernel
DESK_SEED = "desk"  # the examples a student sees; those of grading come from the assignment's own seed


@dataclass
class Work:
    """What a run found about one module."""

    tasks: dict[str, Task] = field(default_factory=dict)
    results: dict[str, CheckResult] = field(default_factory=dict)
    notes: dict[str, None] = field(default_factory=dict)
    _lines: dict[str, tuple[bool, int]] = field(default_factory=dict)

    def add(self, task: Task, result: CheckResult, line: int, notes: Iterable[str]) -> None:
        """Keep a result; of a parametrised check the worst: a failure is worse than what could not be measured, and
        that is worse than what earned a part."""
        if task.points or task.name not in self.tasks:
            self.tasks[task.name] = task
        name = result.check.name
        if name not in self.results or _weight(result) > _weight(self.results[name]):
            self.results[name] = result
        self._lines.setdefault(name, (result.check.hidden, line))
        self.notes |= dict.fromkeys(notes)

    def report(self, about: str) -> Report:
        """All of it, in the order of the check file, whatever the order in which the checks ran."""
        results = sorted(self.results.values(), key=lambda result: self._lines[result.check.name])
        names = dict.fromkeys(result.check.task for result in results)
        return Report(
            student="",
            assignment=about,
            tasks=tuple(self.tasks[name] for name in names),
            results=tuple(results),
            notes=tuple(self.notes),
        )


def _weight(result: CheckResult) -> float:
    """0 for full marks, below 1 for a part of them."""
    return 1 - result.share if result.status is Status.PASSED else 3 if result.status.settled else 2


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
        names: of checks, likewise.
        tape: the examples of checks, which are replayed; None has Hypothesis draw them.
        recording: put them on the tape instead; the submission is one that passes.
        by_hand: what checks are about (see `subject`) whose submission uses no library that does its work.
        own_work: likewise, what a submission leaves to no operation of torch.
    """

    path: Path | None = None
    isolate: bool = False
    in_process: bool = False
    cells: dict[str, tuple[Cell, ...]] = field(default_factory=dict)
    namespace: dict[str, Any] | None = None
    tasks: frozenset[str] | None = None
    names: frozenset[str] | None = None
    limits: Limits = field(default_factory=Limits)
    seed: str = DESK_SEED
    on_failure: Callable[[Session | Local, CheckResult], CheckResult] | None = None
    tape: Tape | None = None
    recording: bool = False
    measurement: Measurement | None = None  # of the check that runs
    by_hand: set[str] = field(default_factory=set)
    own_work: dict[str, OwnWork] = field(default_factory=dict)
    work: dict[str, Work] = field(default_factory=dict)  # by what the checks are about: "hw1/linear_classifiers"
    _open: dict[tuple[Path | None, str], Session | Local] = field(default_factory=dict)
    _notes: dict[tuple[Path | None, str], tuple[str, ...]] = field(default_factory=dict)
    _no_worker: str = ""  # why none could be started
    _stopped: dict[str, float] = field(default_factory=dict)  # seconds of checks that were stopped, by task

    def submission(self, checks: Path) -> Session | Local:
        """The submission that a check file is about.

        Raises: SubmissionError, if there is none or it cannot be read.
        """
        key = self._key(checks)
        if key not in self._open:
            self._open[key] = self._enter(checks)
        return self._open[key]

    def opened(self, checks: Path) -> Session | Local | None:
        """The same, if some check has asked for it and it could be read."""
        return self._open.get(self._key(checks))

    @staticmethod
    def subject(checks: Path) -> str:
        """What a check file is about, and its hidden checks with it: the folder's name and the module."""
        return f"{checks.parent.name}/{module_of(checks)}"

    def notes(self, checks: Path) -> tuple[str, ...]:
        """What there is to say about the choice of the file."""
        return self._notes.get(self._key(checks), ())

    def _key(self, checks: Path) -> tuple[Path | None, str]:
        module = module_of(checks)
        return (None if module in self.cells else self.path or checks.parent), module

    def _enter(self, checks: Path) -> Session | Local:
        module = module_of(checks)
        withheld = BY_HAND if self.subject(checks) in self.by_hand else ()
        own = self.own_work.get(self.subject(checks), OwnWork())
        limits = replace(self.limits, withheld=withheld, own_work=own)
        if self.namespace is not None:
            return of_notebook(module, self.namespace).does_itself(own)
        if module in self.cells and self.in_process:
            return run_cells(module, self.cells[module], withheld).does_itself(own)
        if module in self.cells:
            return Session(module, self.cells[module], limits)
        place = self.path or checks.parent
        path, self._notes[place, module] = find(place, module)
        if self.isolate:
            return Session(module, read_cells(path), limits)
        return load(path, module, withheld).does_itself(own)

    def kernel(self, checks: Path, name: str) -> Kernel:
        """A function of the submission, to be measured in a worker of its own.

        Raises:
            Unmeasured: it stands in a running notebook, and nowhere else.
            SubmissionError: there is no submission, or it cannot be read.
        """
        if self.namespace is not None:
            raise Unmeasured("a kernel runs in a process of its own: save the notebook, and run pytest in its folder")
        module, start = module_of(checks), sandboxed
        if module in self.cells:
            cells = self.cells[module]
        else:
            cells = read_cells(find(self.path or checks.parent, module)[0])
            start = sandboxed if self.isolate else beside
        return Kernel(name=name, module=module, cells=cells, limits=self.limits, start=start)

    def tell(self, found: Measurement) -> None:
        """The check that runs has measured a kernel."""
        self.measurement = found

    def close(self) -> None:
        """End all workers."""
        for submission in self._open.values():
            submission.close()
        self._open.clear()

    def enter_check(
        self, stack: ExitStack, submission: Session | Local, function: Any, check: Check, stand_ins: dict[str, Any]
    ) -> None:
        """Until the stack closes: the check runs with its stand-ins, its examples and its seconds.

        Raises:
            SandboxError: no worker can be had. Raised here and not in the check, which might take it for the
                submission's, or have Hypothesis try it again.
            SubmissionTimeout: checks of this task were stopped for as long as a task may take.
        """
        if isinstance(submission, Session):
            if (taken := self._stopped.get(check.task, 0.0)) >= self.limits.task_seconds:
                raise SubmissionTimeout(
                    f"this check was not run, because other checks of {check.task} took {taken:.0f} s and were stopped"
                )
            self._start(submission)
        submission.begin()
        self.measurement = None
        stack.enter_context(submission.stand_in(stand_ins))
        files = submission.files if isinstance(submission, Local) else {}
        stack.enter_context(configured(function, check.name, self.seed, functools.partial(guard, files)))

    def perform(self, name: str, function: Any, given: Mapping[str, Any], checks: Path) -> bool:
        """Run a check on its tape, if it has one.

        Args:
            name: on the tape.
            function: the test function, or a bound method.
            given: what it gets besides what is drawn.
            checks: the check file.

        Returns:
            Whether it passed. If not, it is to be run the ordinary way.
        """
        if MEASURES in given:  # nothing is drawn, and a clock is not replayed
            return self.recording
        submission = self.submission(checks)
        if self.tape is None:
            return False
        if self.recording:
            record(self.tape, name, function, given, submission)
            return True
        return play(self.tape, name, function, given, submission)

    def _start(self, submission: Session) -> None:
        """Have a worker; after one that could not be had, no check of this run waits for another."""
        if self._no_worker:
            raise SandboxError(self._no_worker)
        try:
            submission.names()
        except SandboxError as problem:
            self._no_worker = str(problem)
            raise

    def settle(
        self, check: Check, error: BaseException | None, seconds: float, submission: Session | Local | None
    ) -> CheckResult:
        """The result of a check that ended, or raised."""
        if error is None:
            return _passed(check, seconds, self.measurement)
        if isinstance(submission, Local):
            status, message = judge(error, submission.files, submission.names)
        else:
            status, message = judge(error)
        result = CheckResult(check=check, status=status, message=message, seconds=seconds)
        if status is Status.TIMEOUT and submission is not None:
            submission.close()  # it may still be at work
            self._stopped[check.task] = self._stopped.get(check.task, 0.0) + seconds
        if status is Status.FAILED and self.on_failure is not None and submission is not None:
            result = self.on_failure(submission, result)
        return result

    def not_started(self, error: BaseException, submission: Session | Local) -> NotStarted | None:
        """The verdict on an untouched stub, if that is what a check met."""
        return not_started(error, submission.files if isinstance(submission, Local) else {})

    def add(self, about: str, task: Task, result: CheckResult, line: int = 0, notes: Iterable[str] = ()) -> None:
        """Keep a result.

        Args:
            about: what the check is about, see `subject`.
            task: of the check; a hidden check does not know its points.
            line: of the check in its file.
            notes: on how the submission was read.
        """
        self.work.setdefault(about, Work()).add(task, result, line, notes)

    def reports(self) -> dict[str, Report]:
        """What was found, by what it is about."""
        return {about: work.report(about) for about, work in self.work.items()}


def _passed(check: Check, seconds: float, found: Measurement | None) -> CheckResult:
    """The result of a check that raised nothing."""
    result = CheckResult(check=check, status=Status.PASSED, seconds=seconds)
    return result if found is None else replace(result, share=found.share, message=found.text())


def guard(files: Mapping[str, str], test: Callable[..., Any]) -> Callable[..., Any]:
    """Run one example; an untouched stub and a time-out end the check, however many examples are left."""

    @functools.wraps(test)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            return test(*args, **kwargs)
        except BaseException as error:
            if verdict := not_started(error, files) or timed_out(error, files):
                raise verdict from None
            raise

    return guarded


def module_of(checks: Path) -> str:
    """The module that a check file is about: test_<module>.py, hidden ones test_<module>_hidden.py."""
    return checks.stem.removeprefix("test_").removesuffix("_hidden")
