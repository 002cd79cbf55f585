"""How long a call may take: so much computing, however busy the machine is, and not for ever by the clock."""

from __future__ import annotations

import time
from typing import Protocol

PATIENCE = 5  # times its seconds a call may take by the clock, if it could not compute for so long
SHORT = 0.05  # seconds of computing that are not worth waiting for


class Computes(Protocol):
    """A process whose processor time is known, or not (None)."""

    def cpu_seconds(self) -> float | None: ...


class Deadline:
    """The end of one call, which moves as long as the process did not get its time.

    Args:
        process: which computes.
        seconds: of computing.
        until: when the check ends by the clock, with all its calls; None for never.
        check_seconds: what the check had, to be told if that is what ran out.

    Attributes:
        at: the time by `time.monotonic()` at which we stop waiting.
        seconds: that a call which is stopped then was allowed.
    """

    __slots__ = ("_cpu", "_latest", "_process", "at", "seconds")

    def __init__(self, process: Computes, seconds: float, until: float | None, check_seconds: float) -> None:
        now = time.monotonic()
        self._process, self._cpu = process, process.cpu_seconds()
        self.at, self.seconds, self._latest = now + seconds, seconds, now + PATIENCE * seconds
        if until is not None and until < self._latest:
            self._latest = until
            if until < self.at:
                self.at, self.seconds = until, check_seconds

    def extend(self, seconds: float) -> None:
        """Time that went by and is not the submission's."""
        self.at += seconds
        self._latest += seconds

    def later(self) -> float:
        """A later deadline for a process that could not compute for as long as it may, because the machine is busy.

        Raises: TimeoutError, if it could.
        """
        now, used = time.monotonic(), self._process.cpu_seconds()
        if self._cpu is None or used is None or now >= self._latest:
            raise TimeoutError
        left = self.seconds - (used - self._cpu)
        if left < SHORT:
            raise TimeoutError
        self.at = min(now + left, self._latest)
        return self.at
