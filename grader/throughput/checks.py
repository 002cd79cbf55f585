"""What checks ask of a kernel: that it is right, and how fast it is."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, closing
from typing import NoReturn

import pytest

from grader.device import DEVICES, MIB
from grader.throughput.case import Case
from grader.throughput.contestant import Contestant
from grader.throughput.curve import Curve
from grader.throughput.errors import Refused, Unmeasured
from grader.throughput.kernel import Kernel, reference
from grader.throughput.match import Match
from grader.throughput.measure import examine, measure, require
from grader.throughput.result import Measurement
from grader.throughput.statistics import RULES, Rules

UNTIMED = 64 * MIB  # of an arena for small cases


class Throughput:
    """The fixture `throughput`.

    Args:
        find: the kernel of this name; raises Unmeasured where it cannot be had.
        tell: takes what was measured.
    """

    def __init__(self, find: Callable[[str], Kernel], tell: Callable[[Measurement], None]) -> None:
        self._find, self._tell = find, tell
        self._open: dict[tuple[str, str, tuple[str, ...]], tuple[Contestant, Contestant]] = {}
        self._stack = ExitStack()

    def verify(
        self, name: str, cases: Iterable[Case], *, device: str = "cpu", own_work: Sequence[str] | None = None
    ) -> None:
        """The kernel is right for each case, keeps to its output, does its own work, and makes no tensor that is larger
        than the case allows. Arguments as of `measure`.

        A kernel in Triton runs by Triton's interpreter on the CPU.

        Raises: Refused, and what the kernel raises. Skips the check where the kernel cannot be run.
        """
        for case in cases:
            forbidden = tuple(case.own_work if own_work is None else own_work)
            try:
                kernel, library = self._pair(name, case, device, forbidden)
            except Unmeasured as reason:
                _skip(reason)
            examine(Match(kernel, library, case, 1, DEVICES[device]), forbidden, "")

    def verify_memory(self, name: str, cases: Iterable[Case]) -> None:
        """The kernel is right for each case, and takes no more of the main memory than its tensors may; on the CPU.

        Each case has a worker of its own: the system tells the most that a process ever had.

        Raises: Refused, and what the kernel raises.
        """
        for case in cases:
            _, library = self._pair(name, case, "cpu", case.own_work)
            with closing(Contestant(self._find(name), DEVICES["cpu"], UNTIMED, forbidden=case.own_work)) as kernel:
                match = Match(kernel, library, case, 1, DEVICES["cpu"])
                match.round("")
                match.refuse_memory()

    def measure(
        self,
        name: str,
        cases: Sequence[Case],
        *,
        curve: tuple[float, float],
        device: str = "cpu",
        own_work: Sequence[str] | None = None,
        rules: Rules = RULES,
    ) -> Measurement:
        """How fast the kernel is: the check earns that share of its points. Arguments as of `measure.measure`.

        Raises: Refused, also if it is too slow for any points, and what the kernel raises. Skips the check where
            nothing can be measured.
        """
        earns = Curve(low=curve[0], high=curve[1])
        try:
            found = measure(self._find(name), cases, device=device, curve=earns, own_work=own_work, rules=rules)
        except Unmeasured as reason:
            _skip(reason)
        if not found.share:
            raise Refused(found.text())
        self._tell(found)
        return found

    def close(self) -> None:
        """End the workers."""
        self._stack.close()
        self._open.clear()

    def _pair(self, name: str, case: Case, device: str, forbidden: tuple[str, ...]) -> tuple[Contestant, Contestant]:
        """The kernel and the library's operation, in workers that are kept for the next case."""
        key = name, device, forbidden
        if key not in self._open:
            kernel = self._find(name)
            require(device, kernel)
            own = Contestant(kernel, DEVICES[device], UNTIMED, forbidden=forbidden, interpreted=device == "cpu")
            self._stack.callback(own.close)
            library = Contestant(reference(case, kernel), DEVICES[device], UNTIMED)
            self._stack.callback(library.close)
            self._open[key] = own, library
        return self._open[key]


def require_package(name: str) -> None:
    """Skip a check where a package that it takes is not installed."""
    found = importlib.util.find_spec(name)
    if found is None or found.origin is None:  # which a mere folder of the name has not
        _skip(f"{name} is not installed")


def _skip(reason: object) -> NoReturn:
    pytest.skip(str(reason))
