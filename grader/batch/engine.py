"""Many units in, reports out as they come: in this process, on the cores of this machine, or on a cluster."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass

from grader.batch.cluster import cluster
from grader.batch.crew import work
from grader.batch.pool import Here, pool
from grader.batch.unit import Graded, Unit
from grader.grade import require_sandbox
from grader.model import Assignment


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """The workers to use.

    Attributes:
        jobs: processes of this machine; 1 grades in this very process.
        scheduler: the address of a Dask scheduler, "tcp://host:8786"; its workers grade then, and none here.
        accept_unsandboxed: grade even where submissions cannot be kept apart (level E).
    """

    jobs: int = 1
    scheduler: str = ""
    accept_unsandboxed: bool = False


def grade_units(
    assignment: Assignment, units: Iterable[Unit], where: Where, say: Callable[[str], None]
) -> Generator[tuple[Unit, Graded], None, None]:
    """Grade units of an assignment, of different students; yields each as it is done, in any order.

    Units are taken as workers become free, so that `units` may be a generator and memory does not grow with it. Close
    the iterator to end the workers early.

    Args:
        say: is told of hosts that do not take part, and why.

    Raises:
        SandboxError: submissions cannot be kept apart, and that is not accepted.
        BatchError: nothing can be graded any more; what was yielded stays good.
    """
    if where.scheduler:
        with cluster(assignment, where.scheduler, accept_unsandboxed=where.accept_unsandboxed, say=say) as crew:
            yield from work(crew, assignment, units)
    elif where.jobs > 1:
        with pool(assignment, where.jobs, accept_unsandboxed=where.accept_unsandboxed) as crew:
            yield from work(crew, assignment, units)
    else:
        require_sandbox(where.accept_unsandboxed)
        yield from work(Here(assignment), assignment, units)
