"""What is measured: a function of somebody's module, and where it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

from grader.model import Cell, Limits
from grader.sandbox.launch import current, imports
from grader.sandbox.level import Level
from grader.sandbox.process import Process, Spawned
from grader.throughput.case import Case

Start: TypeAlias = Callable[[Limits, tuple[Cell, ...], int | None], Process]

MIB = 1 << 20
NO_BOUND = 1e8  # MiB: CUDA reserves addresses for far more memory than there is
PRELUDE = """\
from grader.sandbox.own_work import forbid, interpret
forbid({patterns!r})
{interpret}
"""


@dataclass(frozen=True, kw_only=True)
class Kernel:
    """A function of a module.

    Attributes:
        name: of the function.
        module: what the module is called.
        cells: its code.
        limits: for its worker.
        start: its worker.
    """

    name: str
    module: str
    cells: tuple[Cell, ...]
    limits: Limits
    start: Start

    def bounded(self, device: str, arena: int) -> Limits:
        """Its limits, with room for the memory that it shares."""
        if device == "cuda":
            return replace(self.limits, memory_mb=NO_BOUND)
        return replace(self.limits, memory_mb=self.limits.memory_mb + arena / MIB)


def reference(case: Case, beside: Kernel) -> Kernel:
    """The library's own operation, in a worker as that of `beside`."""
    cells = (Cell(filename="the library's operation", source=case.reference),)
    return replace(beside, name="reference", module="library", cells=cells)


def prelude(patterns: tuple[str, ...], *, interpreted: bool = False) -> Cell:
    """What a worker runs before it gets the kernel's code."""
    source = PRELUDE.format(patterns=list(patterns), interpret="interpret()" if interpreted else "")
    return Cell(filename="prelude", source=source)


def sandboxed(limits: Limits, cells: tuple[Cell, ...], shared: int | None) -> Process:
    """A worker in the sandbox of this process: for code that nobody vouches for."""
    return current().process(limits, cells, shared)


def beside(limits: Limits, cells: tuple[Cell, ...], shared: int | None) -> Process:
    """A worker that is kept from nothing, but is another process: for one's own code."""
    return Spawned(limits, imports(cells), shared)


def unreachable(device: str, start: Start) -> str:
    """Why a worker cannot reach a device that this machine has; empty if it can."""
    if device == "cpu" or start is not sandboxed or current().level is Level.E:
        return ""
    return (
        f"the sandbox (level {current().level}) keeps submissions from the GPU. Measure it with "
        "`grader throughput FILE --device cuda`, or grade with GRADER_SANDBOX=E if you have read the submissions"
    )
