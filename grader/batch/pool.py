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
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count
from multiprocessing.connection import Connection, wait
from multiprocessing.util import Finalize
from queue import SimpleQueue
from typing import Any

from grader.batch.crew import Finished, Lost, Ready
from grader.batch.unit import LOSSES, Graded, Trouble, Unit, do, patience
from grader.errors import BatchError, SandboxError
from grader.grade import require_sandbox
from grader.model import Assignment
from grader.sandbox import launch

DIED = "the process that graded it ended (out of memory, killed, or stuck)"


class Here:
    """This very process as the only worker."""

    def __init__(self, assignment: Assignment) -> None:
        self._assignment = assignment
        self._given: Unit | None = None

    def give(self, worker: str, unit: Unit) -> None:
        self._given = unit

    def event(self) -> Ready | Finished:
        return Finished("here", do(self._assignment, self._given)) if self._given else Ready("here")


@contextmanager
def pool(assignment: Assignment, jobs: int, *, accept_unsandboxed: bool) -> Iterator[Pool]:
    """That many workers; when the context ends they end at once, whatever they do.

    Raises:
        SandboxError: this machine cannot keep submissions apart, and that is not accepted.
    """
    crew = Pool(assignment, jobs, accept_unsandboxed)
    try:
        yield crew
    finally:
        crew.close()


class Pool:
    """Worker processes, each replaced when it dies."""

    def __init__(self, assignment: Assignment, jobs: int, accept_unsandboxed: bool) -> None:
        self._course = (assignment, accept_unsandboxed, os.environ.get(launch.VARIABLE, ""))
        self._events: SimpleQueue[tuple[str, Future[Any]]] = SimpleQueue()
        self._workers: dict[str, _Worker] = {}
        self._names = map(str, count(1))
        self._stillborn = 0  # workers in a row that ended before they could do anything
        for _ in range(jobs):
            self._start()

    def give(self, worker: str, unit: Unit) -> None:
        self._run(worker, _do, unit)

    def event(self) -> Ready | Finished | Lost:
        while True:
            name, future = self._events.get()
            worker = self._workers[name]
            if future.exception():
                del self._workers[name]
                worker.end()
                self._stillborn += not worker.ready
                if self._stillborn >= LOSSES:
                    raise BatchError(f"Workers end as soon as they are started: {future.exception()}")
                self._start()
                return Lost(name, DIED)
            if worker.ready:
                return Finished(name, future.result())
            if refusal := future.result():
                raise SandboxError(refusal)
            self._workers[name] = replace(worker, ready=True)
            self._stillborn = 0
            return Ready(name)

    def close(self) -> None:
        """End all workers and wait until they are gone."""
        for worker in self._workers.values():
            worker.lifeline.close()
        for worker in self._workers.values():
            worker.end()

    def _start(self) -> None:
        name = next(self._names)
        theirs, ours = _context().Pipe(duplex=False)
        self._workers[name] = _Worker(ProcessPoolExecutor(1, _context(), _begin, (theirs,)), ours)
        self._run(name, _take_in, *self._course)

    def _run(self, name: str, function: Callable[..., Any], *arguments: Any) -> None:
        try:
            with _no_program():
                future = self._workers[name].executor.submit(function, *arguments)
        except BrokenProcessPool as error:  # it died while it waited
            future = Future()
            future.set_exception(error)
        future.add_done_callback(lambda done: self._events.put((name, done)))


@dataclass(frozen=True, slots=True)
class _Worker:
    executor: ProcessPoolExecutor
    lifeline: Connection  # the worker lives as long as this end of it is open
    ready: bool = False

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


@contextmanager
def _no_program() -> Iterator[None]:
    """Within: a new process does not import the program that this one runs. It has no use for nbgrader's commands."""
    program = vars(sys.modules["__main__"])
    file = program.pop("__file__", None)
    try:
        yield
    finally:
        if file is not None:
            program["__file__"] = file


_assignment: Assignment | None = None  # in a worker
_leaving = threading.Lock()


def _begin(lifeline: Connection) -> None:
    """In a new worker."""
    Finalize(None, _leave, exitpriority=10)  # what `atexit` has is not run in such a process
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; who started it decides
    threading.Thread(target=_live, args=(lifeline,), daemon=True).start()


def _live(lifeline: Connection) -> None:
    """End this process when nobody waits for it any more: also where that one was killed, and could end nothing."""
    wait([lifeline])
    _leave()
    os._exit(0)


def _leave() -> None:
    """Leave nothing behind of this worker's sandbox; called by whoever notices first that it is over."""
    with _leaving:
        launch.close()


def _take_in(assignment: Assignment, accept_unsandboxed: bool, level: str) -> str:
    """In a worker, first: load everything, and find the sandbox; returns why it must not grade, and "" if it may.

    Args:
        level: that is asked for; the process that workers are forked from may have been told of another.
    """
    global _assignment
    import grader.batch.warm  # noqa: F401

    os.environ[launch.VARIABLE] = level
    try:
        require_sandbox(accept_unsandboxed)
    except SandboxError as error:
        return str(error)
    _assignment = assignment
    return ""


def _do(unit: Unit) -> Graded | Trouble:
    assert _assignment is not None
    with patience(_assignment):
        return do(_assignment, unit)
