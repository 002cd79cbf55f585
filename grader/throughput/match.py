"""A kernel and the library's operation on one case: rounds, turns, and what is verified of them."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from grader.device import Device
from grader.throughput.case import Case
from grader.throughput.contestant import Contestant, Turn
from grader.throughput.errors import Refused
from grader.throughput.layout import NAN, Layout
from grader.throughput.tolerance import Band, Errors, band, errors

if TYPE_CHECKING:
    import torch

SCALES = (0.5, 2.0)  # of inputs
THREADS = 1.15  # processor seconds a second, in one's own turn
IDLE = 0.1  # likewise, in the other's
SLACK = 0.02  # processor seconds that are not worth a word
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

    Args:
        own: whether the memory around the tensors is looked at as well.
    """

    def __init__(self, kernel: Contestant, library: Contestant, case: Case, count: int, device: Device) -> None:
        import torch

        self.case, self._device, self._layout = case, device, Layout(case, count)
        self._kernel, self._library = kernel, library
        self._image = torch.full((self._layout.size,), NAN, dtype=torch.uint8, device=device.name)
        for contestant in (kernel, library):
            contestant.arrange(self._layout)

    def round(self, when: str) -> Round:
        """One round: fresh inputs, both turns in random order, everything verified.

        Args:
            when: it takes place, for messages.

        Raises: Refused; what `Contestant.go` does.
        """
        self._draw()
        clock, turns, outputs = self._device.clock(), {}, {}
        for contestant in _random.sample((self._kernel, self._library), 2):
            idle = self._kernel.computed()
            contestant.fill(self._image)
            turns[contestant], outputs[contestant] = self._turn(contestant)
            if contestant is self._library:
                refuse_work_out_of_turn(idle, self._kernel.computed(), turns[contestant].seconds)
        refuse_threads(turns[self._kernel], self._device.name)
        self._refuse_changed_inputs(when)
        self._verify(outputs[self._kernel], outputs[self._library], when)
        count = self._layout.count
        return Round(
            library=turns[self._library].seconds / count, kernel=turns[self._kernel].seconds / count, clock=clock
        )

    def warm_up(self) -> Round:
        """The same without a look at what comes out: inputs are those of before."""
        turns = []
        for contestant in (self._library, self._kernel):
            contestant.fill(self._image)
            turns.append(contestant.go(self._layout.count).seconds / self._layout.count)
        return Round(library=turns[0], kernel=turns[1], clock=None)

    def audit(self) -> list[str]:
        """The operations that one call comes down to."""
        self._kernel.fill(self._image)
        return self._kernel.audit(1)

    def refuse_writes_around(self, when: str) -> None:
        """After a round: nothing but the outputs has changed.

        Raises: Refused.
        """
        now, sent = self._kernel.arena.memory[: self._layout.size].clone(), self._image.clone()
        for memory in (now, sent):
            for call in range(self._layout.count):
                self._layout.output(memory, call).zero_()
        if not bool((now == sent).all()):
            raise Refused(f"{self._name} {when} writes beside its output: is every store masked at the edges?")

    @property
    def _name(self) -> str:
        return self._kernel.kernel.name

    def _draw(self) -> None:
        """Fill the image with inputs that nobody can foresee, each call's of a scale of its own."""
        import torch

        generator = torch.Generator(self._device.name)
        for call in range(self._layout.count):
            generator.manual_seed(secrets.randbits(63))
            self.case.fill(self._layout.inputs(self._image, call), generator, _random.uniform(*SCALES))

    def _turn(self, contestant: Contestant) -> tuple[Turn, dict[int, torch.Tensor]]:
        """Go, and take the outputs at once, in an order that nobody can foresee: late work comes too late."""
        turn = contestant.go(self._layout.count)
        order = _random.sample(range(self._layout.count), self._layout.count)
        return turn, {call: self._layout.output(contestant.arena.memory, call).clone() for call in order}

    def _refuse_changed_inputs(self, when: str) -> None:
        end = self._layout.outputs_from
        if not bool((self._kernel.arena.memory[:end] == self._image[:end]).all()):
            raise Refused(f"{self._name} {when} changes its inputs, or what lies beside them; it may only read them.")

    def _verify(self, outputs: dict[int, torch.Tensor], library: dict[int, torch.Tensor], when: str) -> None:
        found: list[Errors] = []
        known: list[Errors] = []
        for call in range(self._layout.count):
            expected = self.case.expected(self._layout.inputs(self._image, call))
            found.append(errors(outputs[call], expected))
            known.append(errors(library[call], expected))
        allowed = band(known, self.case.dtype)
        for call, wrong in enumerate(found):
            if place := allowed.first_outside(wrong):
                raise Refused(self._message(place, outputs[call][place], wrong, allowed, when))

    def _message(self, place: tuple[int, int], output: torch.Tensor, wrong: Errors, allowed: Band, when: str) -> str:
        where = ", ".join(f"{name} = {at}" for name, at in zip(self.case.slices, place, strict=True))
        head = f"{self._name} is wrong for {self.case.label} {when}"
        if bool(output.isnan().any()):
            part = float(output.isnan().double().mean())
            return f"{head}: out[{where}] holds NaN in {part:.0%} of its entries, as if they had never been written."
        return (
            f"{head}: out[{where}] has a relative error of {float(wrong.l2[place]):.1e} (L2) and "
            f"{float(wrong.largest[place]):.1e} (largest entry); allowed are {allowed.l2:.1e} and {allowed.largest:.1e}, "
            "twice what the library's own operation has."
        )


def refuse_threads(turn: Turn, device: str) -> None:
    """Raises: Refused, if more than one processor was at work in the kernel's own turn."""
    if device != "cpu" or turn.computed is None:
        return
    if turn.computed > THREADS * turn.seconds + SLACK:
        raise Refused(
            f"The kernel kept {turn.computed / turn.seconds:.1f} processors busy. It has one thread, as the library's "
            "operation has that it is compared with: leave the number of threads alone, and start none."
        )


def refuse_work_out_of_turn(before: float | None, after: float | None, seconds: float) -> None:
    """Raises: Refused, if the kernel's process computed while the library's operation was measured."""
    if before is None or after is None:
        return
    if after - before > IDLE * seconds + SLACK:
        raise Refused(
            f"The kernel's process computed for {after - before:.2f} s while the library's operation was measured, and "
            "so slowed it down. All work has to be done when the function returns."
        )
