"""What this machine could do at most: arithmetic by its best matrix product, memory by its best copy.

Source: Williams, Waterman and Patterson, "Roofline: an insightful visual performance model" (2009).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

from grader.device import DEVICES
from grader.throughput.case import Case

IMPOSSIBLE = 0.9  # of the least time: what is faster was not computed
SECONDS = 0.3  # for each of the two
SIDES = {"cpu": 1024, "cuda": 8192}  # of the square matrices
COPIED = {"cpu": 64 << 20, "cuda": 1 << 30}  # bytes


@dataclass(frozen=True, kw_only=True)
class Roofline:
    """At most: operations a second, bytes a second."""

    flops: float
    bytes: float

    def seconds(self, case: Case) -> float:
        """The least that one call of a case can take."""
        return max(case.flops / self.flops, case.bytes / self.bytes)

    def bound(self, case: Case) -> str:
        """What it is that bounds it."""
        return "arithmetic" if case.flops / self.flops >= case.bytes / self.bytes else "memory"


@cache
def calibrate(name: str, dtype: str) -> Roofline:
    """Measure this machine's, once."""
    import torch

    device, kind, side = DEVICES[name], getattr(torch, dtype), SIDES[name]
    with one_thread():
        a, b = (torch.randn(side, side, device=name).to(kind) for _ in range(2))
        product = torch.empty_like(a)
        multiplied = _best(lambda: torch.mm(a, b, out=product), device.synchronise)
        data = torch.ones(COPIED[name], dtype=torch.uint8, device=name)
        other = torch.empty_like(data)
        copied = _best(lambda: other.copy_(data), device.synchronise)
    return Roofline(flops=2 * side**3 / multiplied, bytes=2 * COPIED[name] / copied)


def raised(roofline: Roofline, case: Case, seconds: float) -> Roofline:
    """A roofline that lies no lower than what was seen: one call of the case in so many seconds."""
    return Roofline(flops=max(roofline.flops, case.flops / seconds), bytes=max(roofline.bytes, case.bytes / seconds))


def _best(action: Callable[[], object], wait: Callable[[], None]) -> float:
    """The shortest of many runs, in seconds: what else the machine does only makes them longer."""
    times: list[float] = []
    end = time.perf_counter() + SECONDS
    while len(times) < 3 or time.perf_counter() < end:
        began = time.perf_counter()
        action()
        wait()
        times.append(time.perf_counter() - began)
    return min(times)


@contextmanager
def one_thread() -> Iterator[None]:
    """Within: torch computes in one thread, as workers do."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
