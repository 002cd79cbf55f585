"""Measures a kernel: cases one after the other, nothing else measured on the machine meanwhile."""

from __future__ import annotations

import math
import os
import re
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from grader.device import DEVICES, Device
from grader.throughput.case import Case
from grader.throughput.contestant import Contestant
from grader.throughput.curve import Curve
from grader.throughput.errors import Refused, Unmeasured
from grader.throughput.kernel import Kernel, reference, unreachable
from grader.throughput.layout import Layout, largest
from grader.throughput.match import Match, Round
from grader.throughput.memory import refuse_large
from grader.throughput.result import Measurement, Speed
from grader.throughput.roofline import IMPOSSIBLE, calibrate, raised
from grader.throughput.statistics import EVERYTHING, RULES, Rules, Span, decided, enough, estimate

COMPILED = ("Torch-Compiled", "CompiledFunction", "TorchDynamo", "[Ii]nductor")
TINY = 1e-6  # seconds
MEMORY = 4  # an arena takes at most this part of the device's memory


def measure(
    kernel: Kernel,
    cases: Sequence[Case],
    *,
    device: str = "cpu",
    curve: Curve | None = None,
    own_work: Sequence[str] | None = None,
    rules: Rules = RULES,
) -> Measurement:
    """How fast a kernel is.

    Args:
        cases: of one operation.
        device: "cpu" or "cuda".
        curve: what speeds earn.
        own_work: regular expressions for operations of the library that the kernel must do without; those that do the
            whole of it, if not given.

    Raises:
        Refused: it has no speed.
        Unmeasured: there is no such device, a worker cannot reach it, or the machine is too busy.
        What `grader.remote.Session.request` raises: exceptions of the kernel, and the end of its process.
    """
    where = DEVICES[device]
    require(device, kernel)
    size = min(rules.arena, where.memory_bytes() // MEMORY)
    forbidden = tuple(cases[0].own_work if own_work is None else own_work)
    with (
        alone(),
        closing(Contestant(kernel, where, size, forbidden=forbidden)) as own,
        closing(Contestant(reference(cases[0], kernel), where, size)) as library,
    ):
        track = _Track(
            kernel=own, library=library, device=where, size=size, rules=rules, forbidden=forbidden, count=len(cases)
        )
        speeds = [track.measure(case, curve) for case in cases]
    return Measurement(kernel=kernel.name, device=where.label(), speeds=tuple(speeds), curve=curve)


def require(device: str, kernel: Kernel) -> None:
    """Raises: Unmeasured, if the kernel cannot run on such a device here; says why."""
    if reason := DEVICES[device].missing() or unreachable(device, kernel.start):
        raise Unmeasured(f"{kernel.name} is measured on {device}: {reason}.")


@dataclass(frozen=True, kw_only=True)
class _Track:
    """Where a kernel runs against the library's operation, one case after the other."""

    kernel: Contestant
    library: Contestant
    device: Device
    size: int
    rules: Rules
    forbidden: tuple[str, ...]
    count: int  # of cases

    def measure(self, case: Case, curve: Curve | None) -> Speed:
        """One case, from its first call to its speed."""
        case = self._scaled(case)
        match = self._match(case, 1)
        examine(match, self.forbidden, "before it is timed")
        first, none = match.warm_up(), self._latency()
        match = self._match(case, self._calls(case, max(first.library - none, TINY), first.kernel))
        self._warm_up(match)
        span = (curve.low, curve.high) if curve else EVERYTHING
        return self._speed(case, self._rounds(match, span), span)

    def _match(self, case: Case, count: int) -> Match:
        return Match(self.kernel, self.library, case, count, self.device)

    def _scaled(self, case: Case) -> Case:
        """With a batch for which the library takes long enough."""
        while Layout(case.batched(2), 1).size <= self.size and self._alone(case) < self.rules.call_seconds:
            case = case.batched(2)
        return case

    def _alone(self, case: Case) -> float:
        """Seconds of one call of the library's operation."""
        layout = Layout(case, 1)
        self.library.arrange(layout)
        return min(self.library.go(0, 1) for _ in range(5)) - self._latency()

    def _latency(self) -> float:
        """Seconds in which nothing is computed."""
        return min(self.library.go(0, 0) for _ in range(5))

    def _calls(self, case: Case, library: float, kernel: float) -> int:
        """How many calls a round has: long enough for the clock, too many inputs for the cache, and no longer."""
        rules, size = self.rules, Layout(case, 1).size
        wanted = max(
            math.ceil(rules.round_seconds / library), math.ceil(rules.caches * self.device.cache_bytes() / size)
        )
        patience = min(rules.case_seconds / rules.rounds[0], self.kernel.kernel.limits.call_seconds / 2)
        affordable = max(1, int(patience / (library + kernel) / 2))  # the other half verifies
        return min(wanted, affordable, largest(case, self.size))

    def _warm_up(self, match: Match) -> None:
        heat = {"kernel": 0.0, "library": 0.0}
        for number in range(self.rules.rounds[1]):
            if number >= self.rules.warm_up and min(heat.values()) >= self.rules.warm_up_seconds:
                return
            found = match.warm_up()
            heat["kernel"] += found.kernel * match.count
            heat["library"] += found.library * match.count

    def _rounds(self, match: Match, span: Span) -> list[Round]:
        rounds: list[Round] = []
        began, spoilt, full_speed = time.monotonic(), 0, None
        while not enough([found.ratio for found in rounds], time.monotonic() - began, self.rules, span, self.count):
            found = match.round(f"in timed round {len(rounds) + 1}")
            full_speed = full_speed or found.clock
            if slowed(found.clock, full_speed, self.rules):
                spoilt += 1
                if spoilt > self.rules.spoilt:
                    raise Unmeasured(
                        f"{self.kernel.kernel.name}: the GPU keeps lowering its clock, so nothing can be concluded."
                    )
                continue
            rounds.append(found)
        return rounds

    def _speed(self, case: Case, rounds: list[Round], span: Span) -> Speed:
        ratios = [entry.ratio for entry in rounds]
        found = estimate(ratios)
        if found.width > self.rules.unsure and not decided(ratios, span, self.rules):
            raise Unmeasured(
                f"{self._name(case)}: the ratio lies between {found.low:.2f} and {found.high:.2f} after "
                f"{found.rounds} rounds. This machine is too busy to say more."
            )
        speed = Speed(
            case=case,
            estimate=found,
            seconds=statistics.median(entry.kernel for entry in rounds),
            library=statistics.median(entry.library for entry in rounds),
            roofline=raised(calibrate(self.device.name, case.dtype), case, min(entry.library for entry in rounds)),
            extra=self.kernel.extra,
        )
        refuse_impossible(self._name(case), speed)
        return speed

    def _name(self, case: Case) -> str:
        return f"{self.kernel.kernel.name} for {case.label}"


def examine(match: Match, forbidden: Sequence[str], when: str) -> None:
    """One round without a clock: a kernel is right, keeps to its output, works itself, and makes no large tensor.

    Args:
        when: for messages.

    Raises: Refused; what `Contestant.go` does.
    """
    match.round(when)
    match.refuse_writes_around(when)
    found = match.audit()
    refuse_operations(found.operations, forbidden, match.name)
    refuse_large(match.name, match.case, found.largest, found.by)


def slowed(clock: float | None, first: float | None, rules: Rules) -> bool:
    """Whether the device runs clearly slower than at first."""
    return clock is not None and first is not None and clock < rules.slowed * first


def refuse_operations(seen: Sequence[str], forbidden: Sequence[str], name: str) -> None:
    """Raises: Refused, if the kernel came down to an operation of the library that does its work; names it."""
    wanted = re.compile("|".join((*forbidden, *COMPILED)))
    if found := sorted({operation for operation in seen if wanted.search(operation)}):
        raise Refused(f"{name} calls {', '.join(found[:3])} of the library: this task asks for a kernel of your own.")


def refuse_impossible(name: str, speed: Speed) -> None:
    """Raises: Refused, if no kernel can be so fast on this machine."""
    least = speed.roofline.seconds(speed.case)
    if speed.seconds < IMPOSSIBLE * least:
        raise Refused(
            f"{name} took {speed.seconds * 1e3:.3f} ms, but this machine needs {least * 1e3:.3f} ms at least. A person "
            "should look at how it was done."
        )


@contextmanager
def alone() -> Iterator[None]:
    """Within: no other process of this user measures on this machine."""
    with ExitStack() as stack:
        with suppress(ImportError):  # a bare machine may lack it
            from filelock import FileLock

            user = os.getuid() if hasattr(os, "getuid") else 0
            stack.enter_context(FileLock(Path(tempfile.gettempdir()) / f"grader-throughput-{user}.lock"))
        yield
