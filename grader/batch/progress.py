"""How far a long run is: a bar in a terminal, a line now and then in a log, and a summary at the end."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from grader.batch.unit import Graded
from grader.model import Report, Status
from grader.text import plain

LOG_SECONDS = 30.0  # between lines in a log
NAMED = 10  # students that a line of the summary names
SLOWEST = 3


class Watch:
    """Told of every result; says how far it is.

    Args:
        total: submissions, those with a result included.
        clock: seconds.
    """

    def __init__(self, console: Console, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._console, self._total, self._clock = console, total, clock
        self._began = self._said = clock()
        self.graded = self.kept = 0
        self._slowest: list[tuple[float, str]] = []
        self._failed: dict[str, str] = {}
        self._late: dict[str, str] = {}
        rate = TextColumn("{task.fields[rate]}")
        columns = (TextColumn("grading"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), rate)
        self._bar = Progress(*columns, console=console, disable=not console.is_terminal)
        self._task = self._bar.add_task("", total=total, rate="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def say(self, text: str) -> None:
        """A line of its own, above the bar."""
        self._console.print(Text(plain(text, 2_000, lines=True)), soft_wrap=True)

    def keep(self) -> None:
        """A result that was there already."""
        self.kept += 1
        self._show()

    def add(self, student: str, graded: Graded) -> None:
        """A result that just came."""
        self.graded += 1
        heapq.heappush(self._slowest, (graded.seconds, student))
        if len(self._slowest) > SLOWEST:
            heapq.heappop(self._slowest)
        if reason := _failure(graded.report):
            self._failed[student] = reason
        if late := _tasks(graded.report, Status.TIMEOUT):
            self._late[student] = ", ".join(late)
        self._show()

    def pace(self) -> str:
        """ "3.1 a second, 0:10:12 left"; empty until something was graded."""
        seconds = self._clock() - self._began
        if not self.graded or seconds <= 0:
            return ""
        rate = self.graded / seconds
        left = timedelta(seconds=round((self._total - self.graded - self.kept) / rate))
        return f"{_rate(rate)}, {left} left"

    def summary(self) -> Iterator[str]:
        """What was graded, what failed and why, what took long, who ran out of time."""
        seconds = self._clock() - self._began
        kept = f"; {self.kept} results were there already and are still right" if self.kept else ""
        pace = f" ({_rate(self.graded / seconds)})" if self.graded and seconds > 0 else ""
        yield f"Graded {self.graded - len(self._failed)} of {self._total} submissions in {seconds:.0f} s{pace}{kept}."
        if self._failed:
            yield f"Could not be graded, through no fault of theirs: {_named(self._failed)}"
        if self._slowest:
            slow = ", ".join(f"{plain(name)} {took:.1f} s" for took, name in sorted(self._slowest, reverse=True))
            yield f"Slowest: {slow}"
        if self._late:
            yield f"Ran out of time: {_named(self._late)}"

    def _show(self) -> None:
        done, now = self.graded + self.kept, self._clock()
        self._bar.update(self._task, completed=done, rate=self.pace())
        if self._bar.disable and self.graded and now - self._said >= LOG_SECONDS and done < self._total:
            self._said = now
            self.say(f"{done} of {self._total}: {self.pace()}")


def _failure(report: Report) -> str:
    """The first reason why a check could not be run; empty if all were."""
    broken = (result.message for result in report.results if result.status is Status.ERROR)
    return next((message or "no reason is known" for message in broken), "")


def _tasks(report: Report, status: Status) -> list[str]:
    return list(dict.fromkeys(result.check.task for result in report.results if result.status is status))


def _named(students: dict[str, str]) -> str:
    """Each with what there is to say; of many, the first."""
    first = [f"{plain(name)} ({plain(what)})" for name, what in list(students.items())[:NAMED]]
    more = [f"and {len(students) - NAMED} more"] if len(students) > NAMED else []
    return ", ".join([*first, *more])


def _rate(each_second: float) -> str:
    return f"{each_second:.1f} a second" if each_second >= 1 else f"{1 / each_second:.1f} s each"
