"""Four graders on the same class and the same checks: nbgrader as it comes, Otter, and ours, through nbgrader and alone.

nbgrader and Otter execute notebooks; theirs carry the very check files, run by one pytest in the kernel, on the same
examples. Otter grades all notebooks in one process, which its command line does not. Ours grade in the sandbox; the
others let submissions do what whoever grades may do. Who earns a task in full must be the same for all four.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from grader.assignment import load_assignment
from grader.model import Assignment
from tests.bench.contestants import Contestant, Earned, alone, has_otter, otter, ours, stock
from tests.bench.folders import temporary
from tests.bench.options import Options
from tests.bench.people import TEN, a_class
from tests.bench.timing import line, times_as_long

ROUNDS = 3


def bench(options: Options) -> None:
    assignment = load_assignment(options.root, options.assignments[0])
    for size in options.sizes or (TEN,):
        measure(assignment, max(size, 2), options.rounds or ROUNDS)  # one alone has no further


def measure(assignment: Assignment, size: int, rounds: int) -> None:
    people = a_class(assignment, size)
    kinds = ", ".join(dict.fromkeys(person.story for person in people))
    print(f"{assignment.name}, a class of {size} ({kinds}); medians of {rounds} interleaved rounds")
    if not has_otter():
        print("otter-grader is not installed: pip install -e '.[bench]'")
    with temporary() as place:
        makers = [stock, *([otter] if has_otter() else []), ours, alone]
        graders = [make(place, assignment, people) for make in makers]
        first = [grader.seconds(grader.one) for grader in graders]  # warms the files, and makes the tape
        table = Table(graders)
        for _ in range(rounds):
            table.round()
        table.show(size)
        line("the tape, made once for all submissions", first[-1] - statistics.median(table.one[-1]), "s")
        print(agreement(graders, [grader.earned() for grader in graders]))


class Table:
    """Seconds of every grader, round by round: for the whole class, and for its first student alone."""

    def __init__(self, graders: Sequence[Contestant]) -> None:
        self.graders = graders
        self.whole: list[list[float]] = [[] for _ in graders]
        self.one: list[list[float]] = [[] for _ in graders]

    def round(self) -> None:
        """Run each grader; the whole class last, so that its results are there at the end."""
        for grader, one, whole in zip(self.graders, self.one, self.whole, strict=True):
            one.append(grader.seconds(grader.one))
            whole.append(grader.seconds(grader.whole))

    def show(self, size: int) -> None:
        print(f"{'':28} {'seconds':>9} {'each':>8} {'faster':>8} {'start-up':>9} {'further':>9} {'faster':>8}")
        further = [
            [(all_ - one) / (size - 1) for all_, one in zip(whole, ones, strict=True)]
            for whole, ones in zip(self.whole, self.one, strict=True)
        ]
        for grader, whole, ones, rest in zip(self.graders, self.whole, self.one, further, strict=True):
            every, first, more = map(statistics.median, (whole, ones, rest))
            measured = min(*further[0], *rest) > 0  # not where the noise is larger than the class
            print(
                f"{grader.name:28} {every:9.1f} {every / size:8.2f} {times_as_long(self.whole[0], whole):7.1f}x "
                f"{first - more:9.1f} {more:9.2f} "
                + (f"{times_as_long(further[0], rest):7.1f}x" if measured else f"{'–':>8}")
            )
        print(
            f"seconds: grading all {size}; each: that by {size}; start-up: of that, what comes once; further: what each "
            "submission\nafter the first adds; faster: than stock nbgrader, the median of the rounds"
        )


def agreement(graders: Sequence[Contestant], found: Sequence[Earned]) -> str:
    """Whether all graders give the same students the same tasks in full, and where they do not."""
    lines = []
    for grader, earned in zip(graders[1:], found[1:], strict=True):
        for student, tasks in found[0].items():
            if other := tasks ^ earned.get(student, frozenset()):
                lines.append(
                    f"NOT THE SAME: {student}, {', '.join(sorted(other))}: {grader.name} against {graders[0].name}"
                )
    total = sum(map(len, found[0].values()))
    same = f"All graders agree on who earns which task in full ({total} tasks of {len(found[0])} students)"
    return "\n".join(lines) or same
