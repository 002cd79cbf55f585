"""The measured claims, printed again: `make bench`. Ratios come from interleaved runs, so that load cancels out."""

from __future__ import annotations

import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from grader.assignment import load_assignment
from grader.grade import environment, grade
from grader.model import Cell, Limits
from grader.remote import Session
from grader.sandbox.process import Forked
from grader.submission import read_submission
from grader.validate import of_sources

ROOT = Path(__file__).parent.parent
ECHO = """
def nothing(): return None
def echo(x): return x  # comes back as "your first argument"
def back(x): return x[:]  # another array, so its data comes back
"""
ROUNDS = 5
WORKERS = 21


def seconds(action: Callable[[], object], times: int = 1) -> float:
    """Mean seconds of one call."""
    began = time.perf_counter()
    for _ in range(times):
        action()
    return (time.perf_counter() - began) / times


def ratio(one: Callable[[], object], other: Callable[[], object], rounds: int = ROUNDS) -> tuple[float, float, float]:
    """Median seconds of both, and the median of their ratios, from alternating runs."""
    pairs = [(seconds(one), seconds(other)) for _ in range(rounds)]
    first, second = (statistics.median(side) for side in zip(*pairs, strict=True))
    return first, second, statistics.median(a / b for a, b in pairs)


def workers() -> None:
    """What a worker costs until it has computed something, and while it waits; with NumPy alone, and with torch."""
    for library, module in {"NumPy": "numpy", "torch": "torch"}.items():
        cells = (Cell(filename="echo.py", source=f"import {module}\n{ECHO}"),)
        times, private = [], 0.0
        for _ in range(WORKERS):
            session = Session("echo", cells, Limits())
            times.append(seconds(lambda session=session: session.module.nothing()))
            private = private_mb(session)
            session.close()
        first, *warm = times
        name = f"a worker with {library}, to the first result"
        print(f"{name:43} {statistics.median(warm) * 1e3:10.0f} ms  (with the start of its server {first:.1f} s)")
        print(f"{'  its own memory while it waits':43} {private:10.1f} MiB")


def private_mb(session: Session) -> float:
    """MiB that the worker does not share with its server."""
    process = session._process
    assert isinstance(process, Forked), "at level E a worker shares nothing"
    lines = Path(f"/proc/{process._pid}/smaps_rollup").read_text("ascii").splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / 1024


def boundary() -> None:
    """What a call over the boundary costs."""
    session = Session("echo", (Cell(filename="echo.py", source=ECHO),), Limits())
    hw = session.module
    small = np.ones((4, 3))
    for name, call in {
        "call without arguments": hw.nothing,
        "array of 4 x 3 there": lambda: hw.echo(small),
        "array of 4 x 3 there and back": lambda: hw.back(small),
    }.items():
        each = min(seconds(call, 1000) for _ in range(ROUNDS))
        print(f"{name:43} {each * 1e6:10.0f} µs  ({1 / each:,.0f} a second)")
    for name, large in {"2 MB": np.ones((1000, 250)), "8 MB": np.ones((1000, 1000))}.items():
        there, copies, times = ratio(lambda x=large: hw.back(x), lambda x=large: (x.copy(), x.copy()), 30)
        print(
            f"{f'array of {name} there and back':43} {there * 1e3:10.1f} ms "
            f"({times:.1f} x two copies of {copies * 1e3:.1f} ms)"
        )
    session.close()


def grading(name: str) -> None:
    """What isolation costs a whole submission."""
    assignment = load_assignment(ROOT, name)
    reference = read_submission(assignment.solution_dir, assignment)
    stub = of_sources(assignment, {m: assignment.stub(m).read_text("utf-8") for m in assignment.modules})
    for isolate in (True, False):  # warms both
        grade(assignment, reference, isolate=isolate)
    isolated, inside, times = ratio(
        lambda: grade(assignment, reference), lambda: grade(assignment, reference, isolate=False)
    )
    print(f"{name}, reference, isolated                    {isolated:10.2f} s")
    print(f"{name}, reference, in the grader's process     {inside:10.2f} s  (isolated costs {times:.2f} x)")
    print(f"{name}, stub, isolated                         {seconds(lambda: grade(assignment, stub)):10.2f} s")


def main() -> None:
    versions = ", ".join(f"{key} {value}" for key, value in environment(True).items())
    print(f"{platform.machine()}, {platform.system()}; {versions}")
    workers()
    boundary()
    for name in sys.argv[1:] or ["hw1"]:
        grading(name)


if __name__ == "__main__":
    main()
