"""A kernel in a worker of its own, with memory that it shares with us."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from grader.device import Arena, Device
from grader.remote import Session
from grader.sandbox.process import waited_seconds
from grader.throughput.kernel import Kernel, prelude
from grader.throughput.layout import Layout

if TYPE_CHECKING:
    import torch


class Contestant:
    """A kernel, ready to be told to go.

    Args:
        size: bytes of its arena.
        forbidden: operations of the library that it must do without.
        interpreted: run Triton's kernels by its interpreter.

    Attributes:
        arena: what it shares with us.
        extra: bytes of main memory that it has taken on top of what it had before its first call; None if unknown.
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
        self._before: int | None = None

    def arrange(self, layout: Layout) -> None:
        """Get the calls ready.

        Raises: what `Session.request` does; MissingName, if the module has no such function.
        """
        getattr(self._session.module, self.kernel.name)
        self._session.request("arrange", (self.kernel.name,), (self._device.name, self.arena.grant, layout.slots()))
        if self._before is None:
            self._before = self._session.process.peak_bytes()

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

    def audit(self) -> list[str]:
        """The operations that a call comes down to, as the worker tells."""
        found = self._session.request("audit", ())
        return [name for name in found if type(name) is str] if isinstance(found, list) else []

    def computed(self) -> float | None:
        """Processor seconds of the worker so far."""
        return self._session.process.cpu_seconds()

    @property
    def extra(self) -> int | None:
        peak = self._session.process.peak_bytes()
        return None if peak is None or self._before is None else max(0, peak - self._before)

    def close(self) -> None:
        self._session.close()
        self.arena.close()


def since(before: float | None, after: float | None) -> float | None:
    """How much a clock went on; None where there is none."""
    return None if before is None or after is None else after - before
