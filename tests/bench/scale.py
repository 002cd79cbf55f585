"""What a submission costs in classes of 10 to 2,000, what the coordinator needs of memory, and what a second core gives.

`grader grade hw1 submitted --jobs N --out DIR` in a process that may use N cores. The coordinator is the process of that
command; its workers are not counted in its memory.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

from grader.assignment import load_assignment
from grader.model import Assignment
from tests.bench.folders import GRADER, TAIL, CommandFailed, Place, copy_course, temporary
from tests.bench.options import Options
from tests.bench.people import a_class
from tests.bench.timing import line, seconds

SIZES = (10, 100, 500, 2000)
ROUNDS = 1
LOOK = 0.05  # seconds between looks at the memory
PEAK = "VmHWM:"  # KiB, in /proc/<pid>/status: the most that it ever had, not what it has now


@dataclass(frozen=True, slots=True)
class Cost:
    """Of grading a class: seconds by the clock, and MiB of the coordinator at its peak."""

    seconds: float
    memory: float


def bench(options: Options) -> None:
    if not hasattr(os, "sched_setaffinity"):
        print("this takes Linux, which says what a process needs and lets it have one core")
        return
    assignment = load_assignment(options.root, options.assignments[0])
    measure(assignment, sorted({*(options.sizes or SIZES)}), options.rounds or ROUNDS)


def measure(assignment: Assignment, sizes: Sequence[int], rounds: int) -> None:
    cores = sorted(os.sched_getaffinity(0))[:2]
    small = sizes[: (len(sizes) + 1) // 2][:2]  # one core needs twice as long
    with temporary() as place:
        copy_course(assignment, place.folder)
        for person in a_class(assignment, sizes[-1]):
            folder = place.folder / "everybody" / person.name
            folder.mkdir(parents=True)
            for module, source in person.sources.items():
                (folder / f"{module}.py").write_text(source, encoding="utf-8")
        run = partial(graded, place, assignment.name)
        run(sizes[0], cores)  # makes the tape, and warms the files
        both = [
            {size: run(size, cores) for size in sizes} | {-size: run(size, cores[:1]) for size in small}
            for _ in range(rounds)
        ]
    found = {size: middle([costs[size] for costs in both]) for size in sizes}
    alone = {size: middle([costs[-size] for costs in both]) for size in small}
    for number, costs in ((len(cores), found), (1, alone)):
        for size, cost in costs.items():
            what = f"{assignment.name}, a class of {size}, {'1 core' if number == 1 else f'{number} cores'}"
            remark = f"({cost.seconds / size * 1e3:,.0f} ms each; {cost.memory:.0f} MiB at the peak)"
            line(what, cost.seconds, "s", remark)
        growth(costs)
    if len(cores) == 2:
        line(
            "2 cores against 1, start-up included: faster by", alone[small[-1]].seconds / found[small[-1]].seconds, "x"
        )
    if len(cores) == 2 and len(small) == 2:
        line("  without start-up", slope(alone, *small) / slope(found, *small), "x")


def slope(found: dict[int, Cost], few: int, many: int) -> float:
    """Seconds that each submission beyond the first few adds."""
    return (found[many].seconds - found[few].seconds) / (many - few)


def growth(found: dict[int, Cost]) -> None:
    """What further submissions cost, from each class to the next larger one; that leaves out what comes once."""
    slopes = []
    for few, many in pairwise(found):
        slopes.append(slope(found, few, many))
        remark = f"(and {found[many].memory - found[few].memory:+.1f} MiB of memory in all)"
        line(f"  each further submission, from {few} to {many}", slopes[-1] * 1e3, "ms", remark)
    if slopes:
        few, cost = next(iter(found.items()))
        line("  start-up, which comes once", cost.seconds - few * slopes[0], "s")
    if len(slopes) > 1 and min(slopes) > 0:
        line("  between the cheapest and the dearest", (max(slopes) / min(slopes) - 1) * 100, "%")


def graded(place: Place, name: str, size: int, cores: Sequence[int]) -> Cost:
    """Grade the first `size` students afresh, on these cores."""
    for made in ("submitted", "results"):
        shutil.rmtree(place.folder / made, ignore_errors=True)
    (place.folder / "submitted").mkdir()
    for folder in sorted((place.folder / "everybody").iterdir())[:size]:
        shutil.copytree(folder, place.folder / "submitted" / folder.name)
    command = [*GRADER, "grade", name, "submitted", "--jobs", str(len(cores)), "--out", "results"]
    peaks: list[float] = []
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)  # the command inherits it
    try:
        taken = seconds(lambda: peaks.append(_run(place, command)))
    finally:
        os.sched_setaffinity(0, before)
    return Cost(taken, peaks[0])


def _run(place: Place, command: Sequence[str]) -> float:
    """Run a command; returns its own peak of memory in MiB."""
    log, peak = place.folder / "output.log", 0.0
    with log.open("w", encoding="utf-8") as out:
        process = subprocess.Popen(
            command,
            cwd=place.folder,
            env=place.environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        while True:
            peak = max(peak, peak_mb(process.pid))
            try:
                status = process.wait(LOOK)
                break
            except subprocess.TimeoutExpired:
                continue
    if status:
        tail = log.read_text("utf-8", errors="replace").splitlines()[-TAIL:]
        raise CommandFailed("\n".join([f"{' '.join(command)} ended with status {status}", *tail]))
    return peak


def peak_mb(pid: int) -> float:
    """The peak of a process's memory; 0 if it is gone."""
    lines = Path(f"/proc/{pid}/status").read_text("ascii", errors="replace").splitlines()
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(PEAK)), 0.0)


def middle(costs: Sequence[Cost]) -> Cost:
    """The median of the seconds, the largest of the peaks."""
    return Cost(statistics.median(cost.seconds for cost in costs), max(cost.memory for cost in costs))
