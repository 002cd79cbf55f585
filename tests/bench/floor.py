"""What grading costs on top of the submission's own functions.

The floor is what these take on the same examples in one process: the clock runs from where a check calls a function of
the module (or a method of its classes) until that returns, stand-ins that it calls included.
"""

from __future__ import annotations

import functools
import inspect
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from types import FunctionType
from typing import Any

import grader.run
from grader.assignment import load_assignment
from grader.grade import grade
from grader.local import Local
from grader.model import Assignment, Submission
from tests.bench.options import Options
from tests.bench.people import TEN, a_class
from tests.bench.timing import ROUNDS, interleaved, line, times_as_long


@dataclass
class Clock:
    """Adds up the outermost calls."""

    seconds: float = 0.0
    calls: int = 0
    _inside: bool = False

    def timed(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            if self._inside:
                return function(*args, **kwargs)
            self._inside, began = True, time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                self.seconds += time.perf_counter() - began
                self.calls += 1
                self._inside = False

        return call


class Timed:
    """A module whose functions are timed when they are called from outside; among themselves they are as they were."""

    def __init__(self, module: Any, clock: Clock) -> None:
        self.__dict__.update(_module=module, _clock=clock)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._module, name)
        return self._clock.timed(value) if isinstance(value, FunctionType) else value


def bench(options: Options) -> None:
    for name in options.assignments:
        measure(
            load_assignment(options.root, name), options.sizes[0] if options.sizes else TEN, options.rounds or ROUNDS
        )


def measure(assignment: Assignment, size: int, rounds: int) -> None:
    people = [person.submission(assignment) for person in a_class(assignment, size)]
    for what, submissions in {"reference": people[:1], f"a class of {size}": people}.items():
        clocks: list[Clock] = []
        sandboxed = partial(_all, assignment, submissions)
        bare = partial(_bare, assignment, submissions, clocks)
        sandboxed()  # warms both, and makes the tape
        bare()
        clocks.clear()
        whole, inside = interleaved([sandboxed, bare], rounds)
        floor = [clock.seconds for clock in clocks]
        line(f"{assignment.name}, {what}, in the sandbox", statistics.median(whole), "s")
        line("  in the grader's process", statistics.median(inside), "s")
        remark = f"({clocks[0].calls:,} calls; the sandbox takes {times_as_long(whole, floor):.2f} x that)"
        line("  of it the submission's own functions", statistics.median(floor), "s", remark)


def _all(assignment: Assignment, submissions: list[Submission]) -> None:
    for submission in submissions:
        grade(assignment, submission)


def _bare(assignment: Assignment, submissions: list[Submission], clocks: list[Clock]) -> None:
    with watched() as clock:
        for submission in submissions:
            grade(assignment, submission, isolate=False, hints=False)
    clocks.append(clock)


@contextmanager
def watched() -> Iterator[Clock]:
    """Within: the functions of submissions that run in this process are timed."""
    clock, run_cells = Clock(), grader.run.run_cells

    def timed(name: str, *rest: Any) -> Local:
        submission = run_cells(name, *rest)
        for kind in submission._namespace.values():
            if isinstance(kind, type) and kind.__module__ == name:
                for key, method in list(vars(kind).items()):
                    if inspect.isfunction(method):
                        setattr(kind, key, clock.timed(method))
        submission.module = Timed(submission.module, clock)
        return submission

    grader.run.run_cells = timed
    try:
        yield clock
    finally:
        grader.run.run_cells = run_cells
