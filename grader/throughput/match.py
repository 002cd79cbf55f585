"""A kernel and the library's operation on one case: rounds, and what is verified of them."""

from __future__ import annotations

import itertools
import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from grader.device import Device
from grader.machine import worker_count
from grader.throughput.case import Case
from grader.throughput.contestant import Audit, Contestant, since
from grader.throughput.errors import Refused
from grader.throughput.layout import NAN, Layout
from grader.throughput.memory import imported, refuse_memory
from grader.throughput.roofline import one_thread
from grader.throughput.tolerance import Band, Errors, band, errors

if TYPE_CHECKING:
    import torch

PIECES = 8  # of a round
SCALES = (0.5, 2.0)  # of inputs
IDLE = 0.1  # processor seconds a second that a kernel may use in the other's turn
SLACK = 0.005  # processor seconds that are not worth a word
_random = secrets.SystemRandom()


@dataclass(frozen=True, kw_only=True)
class Round:
    """Seconds of one call, by the library and by the kernel; and the clock of the device before."""

    library: float
    kernel: float
    clock: float | None

    @property
    def ratio(self) -> float:
        return self.library / self.kernel


class Match:
    """Two workers and the calls that both make.

    Attributes:
        count: of the calls of one turn.
    """

    def __init__(self, kernel: Contestant, library: Contestant, case: Case, count: int, device: Device) -> None:
        import torch

        self.case, self.count, self._device, self._layout = case, count, device, Layout(case, count)
        self._kernel, self._library = self._both = kernel, library
        self._image = torch.full((self._layout.size,), NAN, dtype=torch.uint8, device=device.name)
        for contestant in (kernel, library):
            contestant.arrange(self._layout)

    def round(self, when: str) -> Round:
        """One round: fresh inputs, the calls piece by piece by both in random order, everything verified.

        Args:
            when: it takes place, for messages.

        Raises: Refused; what `Contestant.go` does.
        """
        self._draw()
        clock = self._device.clock()
        for contestant in self._both:
            contestant.fill(self._image)
        took = dict.fromkeys(self._both, 0.0)
        outputs: dict[Contestant, dict[int, torch.Tensor]] = {contestant: {} for contestant in self._both}
        out_of_turn = 0.0
        for first, end in pieces(self.count):
            for contestant in _random.sample(self._both, 2):
                before = self._kernel.computed()
                took[contestant] += contestant.go(first, end)
                if contestant is self._library:
                    out_of_turn += since(before, self._kernel.computed()) or 0.0
                outputs[contestant] |= self._taken(contestant, first, end)
        refuse_work_out_of_turn(out_of_turn, took[self._library])
        self._refuse_changed_inputs(when)
        self._verify(outputs[self._kernel], outputs[self._library], when)
        library, kernel = (took[contestant] / self.count for contestant in (self._library, self._kernel))
        return Round(library=library, kernel=kernel, clock=clock)

    def warm_up(self) -> Round:
        """The same without a look at what comes out: inputs are those of before."""
        turns = []
        for contestant in (self._library, self._kernel):
            contestant.fill(self._image)
            turns.append(contestant.go(0, self.count) / self.count)
        return Round(library=turns[0], kernel=turns[1], clock=None)

    def audit(self) -> Audit:
        """What one call comes down to."""
        self._kernel.fill(self._image)
        return self._kernel.audit()

    def refuse_memory(self) -> None:
        """Raises: Refused, if the kernel has taken more memory so far than its cases allow."""
        extra = self._kernel.extra
        if extra is not None:
            extra += imported(self._kernel.before, self._library.before)
        refuse_memory(self.name, self.case, extra, self._kernel.room)

    def refuse_writes_around(self, when: str) -> None:
        """After a round: nothing but the outputs has changed.

        Raises: Refused.
        """
        now, sent = self._kernel.arena.memory[: self._layout.size].clone(), self._image.clone()
        for memory in (now, sent):
            for call in range(self.count):
                self._layout.output(memory, call).zero_()
        if not bool((now == sent).all()):
            raise Refused(f"{self.name} {when} writes beside its output: is every store masked at the edges?")

    @property
    def name(self) -> str:
        """Of the kernel."""
        return self._kernel.kernel.name

    def _draw(self) -> None:
        """Fill the image with inputs that nobody can foresee, each call's of a scale of its own."""
        import torch

        generator = torch.Generator(self._device.name)
        for call in range(self.count):
            generator.manual_seed(secrets.randbits(63))
            self.case.fill(self._layout.inputs(self._image, call), generator, _random.uniform(*SCALES))

    def _taken(self, contestant: Contestant, first: int, end: int) -> dict[int, torch.Tensor]:
        """The outputs of these calls, taken in an order that nobody can foresee: late work comes too late."""
        order = _random.sample(range(first, end), end - first)
        return {call: self._layout.output(contestant.arena.memory, call).clone() for call in order}

    def _refuse_changed_inputs(self, when: str) -> None:
        end = self._layout.outputs_from
        if not bool((self._kernel.arena.memory[:end] == self._image[:end]).all()):
            raise Refused(f"{self.name} {when} changes its inputs, or what lies beside them; it may only read them.")

    def _verify(self, outputs: dict[int, torch.Tensor], library: dict[int, torch.Tensor], when: str) -> None:
        def judged(call: int) -> tuple[Errors, Errors]:
            expected = self.case.expected(self._layout.inputs(self._image, call))
            return errors(outputs[call], expected), errors(library[call], expected)

        with one_thread(), ThreadPoolExecutor(worker_count()) as threads:  # the workers are idle
            found, known = zip(*threads.map(judged, range(self.count)), strict=True)
        allowed = band(known, self.case.dtype)
        for call, wrong in enumerate(found):
            if place := allowed.first_outside(wrong):
                raise Refused(self._message(place, outputs[call][place], wrong, allowed, when))

    def _message(self, place: tuple[int, int], output: torch.Tensor, wrong: Errors, allowed: Band, when: str) -> str:
        where = ", ".join(f"{name} = {at}" for name, at in zip(self.case.slices, place, strict=True))
        head = f"{self.name} is wrong for {self.case.label} {when}"
        if bool(output.isnan().any()):
            part = float(output.isnan().double().mean())
            return f"{head}: out[{where}] holds NaN in {part:.0%} of its entries, as if they had never been written."
        return (
            f"{head}: out[{where}] has a relative error of {float(wrong.l2[place]):.1e} (L2) and "
            f"{float(wrong.largest[place]):.1e} (largest entry); allowed are {allowed.l2:.1e} and "
            f"{allowed.largest:.1e}, twice what the library's own operation has."
        )


def pieces(count: int) -> list[tuple[int, int]]:
    """The calls of a round in a few pieces, between which both take turns: what else the machine does meets both."""
    edges = [count * number // PIECES for number in range(PIECES + 1)]
    return [(first, end) for first, end in itertools.pairwise(edges) if first < end]


def refuse_work_out_of_turn(computed: float, seconds: float) -> None:
    """Raises: Refused, if the kernel's process computed while the library's operation was measured."""
    if computed > IDLE * seconds + SLACK:
        raise Refused(
            f"The kernel's process computed for {computed:.2f} s while the library's operation was measured, and so "
            "slowed it down. All work has to be done when the function returns."
        )
