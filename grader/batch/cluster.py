"""Workers of a Dask cluster, on this machine or many.

Each unit is meant for one worker, and the worker's death is seen here, not left to Dask: it would hand the unit on
with whatever else waited there, and count the death against all of them. So the rules are those of one machine: one
unit a worker, and whoever ends three workers is reported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from grader.batch import host
from grader.batch.crew import Finished, Lost, Ready
from grader.batch.unit import Trouble, Unit
from grader.errors import BatchError
from grader.model import Assignment
from grader.text import plain
from grader.version import ingredients

if TYPE_CHECKING:
    from distributed import Client, Future

TOPIC = "all"  # of Dask's: workers that come and go
GPU = "GPU"  # the resource, as most name it
CONNECT_SECONDS = 10
LOOK_SECONDS = 1.0  # how often to see whether the scheduler is still there
FETCH_SECONDS = 5.0  # for a result that a worker has ready
DIED = "the worker that graded it is gone"
GONE = "The scheduler {} is gone. What was graded is kept: start a scheduler and the same command again to go on."
ALONE = "{} has no worker that may grade: waiting for one"
NOBODY = "No worker of {} may grade:\n{}"


@contextmanager
def cluster(
    assignment: Assignment, address: str, *, accept_unsandboxed: bool, say: Callable[[str], None]
) -> Iterator[Cluster]:
    """The workers that a scheduler has, and will have.

    Args:
        say: told of hosts that do not take part, and why.

    Raises:
        BatchError: nobody answers there, or the library is missing.
    """
    try:
        import dask
        from distributed import Client
    except ImportError:
        raise BatchError("A cluster takes dask.distributed: pip install 'grader[cluster]'") from None
    limit = {"distributed.admin.large-graph-warning-threshold": "1GB"}  # a notebook with its pictures is no mistake
    with dask.config.set(limit):
        try:
            client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
        except (OSError, ValueError) as error:
            reason = f"No Dask scheduler answers at {address} ({plain(str(error))}). Start one: dask scheduler"
            raise BatchError(reason) from None
        with client:
            yield Cluster(client, address, assignment, accept_unsandboxed, say)
            client.unsubscribe_topic(TOPIC)


class Cluster:
    """The crew of a scheduler."""

    def __init__(
        self,
        client: Client,
        address: str,
        assignment: Assignment,
        accept_unsandboxed: bool,
        say: Callable[[str], None],
    ) -> None:
        self._client, self._address, self._say = client, address, say
        self._course = (host.parcel(assignment), assignment.name, ingredients(assignment), accept_unsandboxed)
        self._resources = {GPU: 1} if assignment.gpu else {}  # asked for by units, so that no two share one
        self._happened: SimpleQueue[tuple[str, str, Future | None]] = SimpleQueue()
        self._running: dict[str, Future] = {}  # by worker: what it takes in or grades
        self._waiting: set[str] = set()
        self._refused: dict[str, str] = {}
        client.subscribe_topic(TOPIC, self._hear)
        workers = client.nthreads()
        if not workers:
            say(ALONE.format(address))
        for worker in workers:
            self._happened.put(("add-worker", worker, None))

    def give(self, worker: str, unit: Unit) -> None:
        self._waiting.discard(worker)
        self._submit("graded", worker, host.grade_unit, unit, resources=self._resources)

    def event(self) -> Ready | Finished | Lost:
        while True:
            kind, worker, future = self._next()
            match kind:
                case "add-worker" if not self._knows(worker):
                    self._submit("taken in", worker, _take_in, self._resources, *self._course)
                case "remove-worker" if self._knows(worker):
                    self._forget(worker)
                    if not self._running and not self._waiting:
                        self._say(ALONE.format(self._address))
                    return Lost(worker, DIED)
                case "taken in" | "graded" if future and future is self._running.get(worker):
                    if (event := self._ended(kind, worker, future)) is not None:
                        return event

    def _next(self) -> tuple[str, str, Future | None]:
        """What happened; or that nothing did for some time; errors: BatchError, if the scheduler is gone."""
        try:
            happened = self._happened.get(timeout=LOOK_SECONDS)
        except Empty:
            happened = ("nothing", "", None)
        if self._client.status != "running":
            raise BatchError(GONE.format(self._address))
        return happened

    def _knows(self, worker: str) -> bool:
        return worker in self._running or worker in self._waiting or worker in self._refused

    def _forget(self, worker: str) -> None:
        self._waiting.discard(worker)
        self._refused.pop(worker, None)
        if future := self._running.pop(worker, None):
            future.cancel()

    def _ended(self, kind: str, worker: str, future: Future) -> Ready | Finished | None:
        """What to make of a task that ended; None, if that is nothing to the crew."""
        if future.status in ("cancelled", "lost"):  # with the connection, which is there again by now
            raise BatchError(GONE.format(self._address))
        try:
            result = future.result(timeout=FETCH_SECONDS)
        except TimeoutError:  # the worker may have died with it; then that is what comes next
            self._happened.put((kind, worker, future))
            return None
        except Exception as error:  # of Dask's, or of an installation that lacks something
            result = Trouble(message=f"{type(error).__name__}: {plain(str(error))}")
        del self._running[worker]
        if kind == "taken in" and result:
            self._refuse(worker, result.message if isinstance(result, Trouble) else result)
            return None
        self._waiting.add(worker)
        return Ready(worker) if kind == "taken in" else Finished(worker, result)

    def _refuse(self, worker: str, reason: str) -> None:
        """Do without a worker; errors: BatchError, if it was the last that could be."""
        self._refused[worker] = reason
        self._say(f"{worker} does not take part: {reason}")
        if not self._running and not self._waiting:
            reasons = "\n".join(dict.fromkeys(self._refused.values()))
            raise BatchError(NOBODY.format(self._address, reasons))

    def _hear(self, event: tuple[float, Any]) -> None:
        """Called by Dask, in a thread of its own, for whatever happens to the cluster."""
        match event:
            case (_, {"action": "add-worker" | "remove-worker" as action, "worker": str(worker)}):
                self._happened.put((action, worker, None))

    def _submit(self, kind: str, worker: str, function: Callable[..., Any], *arguments: Any, **options: Any) -> None:
        future = self._client.submit(
            function, *arguments, workers=[worker], allow_other_workers=False, pure=False, **options
        )
        self._running[worker] = future
        future.add_done_callback(lambda done: self._happened.put((kind, worker, done)))


def _take_in(
    resources: Mapping[str, float], data: bytes, name: str, expected: Mapping[str, str], accept_unsandboxed: bool
) -> str:
    """On a worker: why it must not grade, and "" if it may."""
    from distributed import get_worker

    worker = get_worker()
    for resource, amount in resources.items():
        if worker.state.total_resources.get(resource, 0) < amount:
            return f"{name} takes a {resource}; a worker that has one says so: --resources {resource}={amount}"
    return host.take_in(data, name, expected, accept_unsandboxed, worker.local_directory)
