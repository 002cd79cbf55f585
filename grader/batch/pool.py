"""Workers of this machine: processes that share what is loaded, each with a sandbox of its own.

Each is an executor of one process (concurrent.futures): a worker that dies breaks its own executor and nothing else. A
common pool loses everything with one worker (ProcessPoolExecutor, loky), or has its workers share a pipe and its locks,
so that one that is killed in a bad moment stops the rest (pebble).
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from multiprocessing.connection import Connection, wait
from queue import SimpleQueue

from grader.batch.crew import Finished, Lost, Ready
from grader.batch.unit import Graded, Trouble, Unit, do
from grader.model import Assignment
from grader.sandbox import launch

DIED = "the process that graded it ended (memory may have run out, or somebody killed it)"


class Here:
    """This very process as the only worker."""

    def __init__(self, assignment: Assignment) -> None:
        self._assignment = assignment
        self._next: Ready | Finished = Ready("here")

    def give(self, worker: str, unit: Unit) -> None:
        self._next = Finished(worker, do(self._assignment, unit))

    def event(self) -> Ready | Finished:
        return self._next


@contextmanager
def pool(assignment: Assignment, jobs: int) -> Iterator[Pool]:
    """That many workers; when the context ends they end at once, whatever they do."""
    crew = Pool(assignment, jobs)
    try:
        yield crew
    finally:
        crew.close()


class Pool:
    """Worker processes, each replaced when it dies."""

    def __init__(self, assignment: Assignment, jobs: int) -> None:
        self._assignment = assignment
        self._events: SimpleQueue[Ready | Finished | Lost] = SimpleQueue()
        self._workers: dict[str, _Worker] = {}
        self._names = map(str, count(1))
        for _ in range(jobs):
            self._start()

    def give(self, worker: str, unit: Unit) -> None:
        try:
            future = self._workers[worker].executor.submit(_do, unit)
        except BrokenProcessPool:  # it died while it waited
            self._events.put(Lost(worker, DIED))
        else:
            future.add_done_callback(lambda done: self._events.put(_ended(worker, done)))

    def event(self) -> Ready | Finished | Lost:
        event = self._events.get()
        if isinstance(event, Lost):
            self._workers.pop(event.worker).end()
            self._start()
        return event

    def close(self) -> None:
        """End all workers and wait until they are gone."""
        for worker in self._workers.values():
            worker.lifeline.close()
        for worker in self._workers.values():
            worker.end()

    def _start(self) -> None:
        name = next(self._names)
        theirs, ours = _context().Pipe(duplex=False)
        self._workers[name] = _Worker(ProcessPoolExecutor(1, _context(), _begin, (self._assignment, theirs)), ours)
        self._events.put(Ready(name))


def _ended(name: str, future: Future[Graded | Trouble]) -> Finished | Lost:
    if future.cancelled() or future.exception():
        return Lost(name, DIED)
    return Finished(name, future.result())


@dataclass(frozen=True, slots=True)
class _Worker:
    executor: ProcessPoolExecutor
    lifeline: Connection  # the worker lives as long as this end of it is open

    def end(self) -> None:
        self.lifeline.close()
        self.executor.shutdown(cancel_futures=True)


def _context() -> multiprocessing.context.BaseContext:
    """How workers start: forked from a process that has everything loaded, where that is safe; else afresh."""
    if sys.platform != "linux":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["grader.batch.warm"])
    return context


_assignment: Assignment | None = None  # in a worker


def _begin(assignment: Assignment, lifeline: Connection) -> None:
    """In a new worker."""
    global _assignment
    import grader.batch.warm  # noqa: F401

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; who started it decides
    _assignment = assignment
    threading.Thread(target=_live, args=(lifeline,), daemon=True).start()


def _live(lifeline: Connection) -> None:
    """End this process when nobody waits for it any more: also where that one was killed, and could end nothing."""
    wait([lifeline])
    launch.close()
    os._exit(0)


def _do(unit: Unit) -> Graded | Trouble:
    assert _assignment is not None
    return do(_assignment, unit)
