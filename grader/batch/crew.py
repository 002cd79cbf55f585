"""Hands units to workers, one at a time each; takes a dead worker's unit to another; gives results as they come.

No more units are held than one for each worker and the next, however many there are to do.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from grader.batch.unit import LOSSES, Graded, Trouble, Unit, given_up
from grader.errors import BatchError
from grader.model import Assignment


@dataclass(frozen=True, slots=True)
class Ready:
    """A worker waits for its first unit."""

    worker: str


@dataclass(frozen=True, slots=True)
class Finished:
    """A worker is through with its unit, and waits for the next."""

    worker: str
    outcome: Graded | Trouble


@dataclass(frozen=True, slots=True)
class Lost:
    """A worker is gone, and its unit with it if it had one."""

    worker: str
    reason: str


class Crew(Protocol):
    """Workers by name. One that dies is replaced by another, if there is one to be had."""

    def give(self, worker: str, unit: Unit) -> None:
        """Start a unit on a worker that waits; returns at once."""

    def event(self) -> Ready | Finished | Lost:
        """The next thing that happens; errors: BatchError, if nothing can happen any more."""


def work(crew: Crew, assignment: Assignment, units: Iterable[Unit]) -> Iterator[tuple[Unit, Graded]]:
    """Have all units done; yields each as it ends, in any order.

    Raises:
        BatchError: the crew is at its end, or the course is at fault; what was yielded stays good.
    """
    waiting, todo, idle = iter(units), deque[Unit](), deque[str]()
    held: dict[str, Unit] = {}
    losses: Counter[str] = Counter()
    done: tuple[Unit, Graded] | None = None
    todo.extend(islice(waiting, 1))
    while todo or held or done:
        while idle and todo:
            worker, unit = idle.popleft(), todo.popleft()
            held[worker] = unit
            crew.give(worker, unit)
            if not todo:
                todo.extend(islice(waiting, 1))
        if done:  # only now, so that no worker waits for whoever keeps the result
            yield done
            done = None
            continue
        failed = None
        match crew.event():
            case Ready(worker):
                idle.append(worker)
            case Finished(worker, Graded() as graded):
                idle.append(worker)
                done = held.pop(worker), graded
            case Finished(worker, Trouble(message=reason, course=at_fault)):
                idle.append(worker)
                failed = held.pop(worker)
                if at_fault:
                    raise BatchError(reason)
            case Lost(worker, reason):
                if worker in idle:
                    idle.remove(worker)
                failed = held.pop(worker, None)
        if failed:
            losses[failed.student] += 1
            if losses[failed.student] < LOSSES:
                todo.append(failed)
            else:
                done = failed, given_up(assignment, failed, reason)
