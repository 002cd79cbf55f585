"""A kernel in a worker of its own, with memory that it shares with us."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from grader.device import Arena, Device
from grader.remote import Session
from grader.sandbox.process import waited_seconds
from grader.throughput.kernel import Kernel, prelude
from grader.throughput.layout import Layout
from grader.throughput.memory import room

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class Audit:
    """What one call comes down to, as the worker tells: operations; the entries of its largest tensor, and of which."""

    operations: tuple[str, ...] = ()
    largest: int = 0
    by: str = ""


class Contestant:
    """A kernel, ready to be told to go.

    Args:
        size: bytes of its arena.
        forbidden: operations of the library that it must do without.
        interpreted: run Triton's kernels by its interpreter.

    Attributes:
        arena: what it shares with us.
        before: bytes of memory that it had taken before its first call; None if unknown.
        extra: likewise, on top of that and of the arena, the most so far; without what audits took.
        room: bytes that `extra` may be, by the cases so far.
    """

    def __init__(
        self,
        kernel: Kernel,
        device: Device,
        size: int,
        *,
        forbidden: tuple[str, ...] = (),
        interpreted: bool = False,
    ) -> None:
        self.kernel, self._device = kernel, device
        self.arena: Arena = device.arena(size)
        cells = (prelude(forbidden, interpreted=interpreted), *kernel.cells)
        self._session = Session(
            kernel.module,
            cells,
            kernel.bounded(device.name, size),
            lambda limits, cells: kernel.start(limits, cells, self.arena.descriptor),
        )
        self.before: int | None = None
        self.room, self._reached, self._audited = 0.0, 0, 0

    def arrange(self, layout: Layout) -> None:
        """Get the calls ready.

        Raises: what `Session.request` does; MissingName, if the module has no such function.
        """
        getattr(self._session.module, self.kernel.name)
        self._session.request("arrange", (self.kernel.name,), (self._device.name, self.arena.grant, layout.slots()))
        self.room = max(self.room, room(layout.case))
        self._reached = max(self._reached, layout.size)
        if self.before is None:
            self.before = self._peak()

    def fill(self, image: torch.Tensor) -> None:
        """Overwrite the arena from its start."""
        self.arena.memory[: len(image)].copy_(image)
        self._device.synchronise()

    def go(self, first: int, end: int) -> float:
        """Have these calls made; returns seconds, see `Device.seconds`. Raises what `Session.request` does."""
        before, began = self._clocks(), time.perf_counter()
        self._session.request("go", (first, end))
        elapsed, after = time.perf_counter() - began, self._clocks()
        computed, waited, ours = map(since, before, after)
        return self._device.seconds(elapsed - (ours or 0.0), computed, waited)

    def _clocks(self) -> tuple[float | None, float | None, float | None]:
        """What the worker has computed, how long it has waited for a processor, and how long we have."""
        process = self._session.process
        return process.cpu_seconds(), process.waited_seconds(), waited_seconds("thread-self")

    def audit(self) -> Audit:
        """What a call comes down to, as the worker tells: it may tell anything."""
        before = self._peak()
        told = self._session.request("audit", ())
        self._audited += int(since(before, self._peak()) or 0)
        match told:
            case {"operations": [*names], "largest": int(largest), "by": str(by)}:
                return Audit(operations=tuple(name for name in names if type(name) is str), largest=largest, by=by)
        return Audit()

    def computed(self) -> float | None:
        """Processor seconds of the worker so far."""
        return self._session.process.cpu_seconds()

    @property
    def extra(self) -> int | None:
        """The part of the arena that it was given counts as its own memory with the system, once it was read."""
        grown = since(self.before, self._peak())
        return None if grown is None else max(0, int(grown) - self._reached - self._audited)

    def _peak(self) -> int | None:
        return self._device.taken(self._session.process.peak_bytes())

    def close(self) -> None:
        self._session.close()
        self.arena.close()


def since(before: float | None, after: float | None) -> float | None:
    """How much a clock went on; None where there is none."""
    return None if before is None or after is None else after - before
