"""What a worker costs until it has computed something, and while it waits; with NumPy alone, and with torch."""

from __future__ import annotations

import statistics
from pathlib import Path

from grader.model import Cell, Limits
from grader.remote import Session
from grader.sandbox.process import Forked
from tests.bench.options import Options
from tests.bench.timing import line, seconds

SOURCE = "def nothing(): return None\n"
WORKERS = 21


def bench(options: Options) -> None:
    for library, module in {"NumPy": "numpy", "torch": "torch"}.items():
        cells = (Cell(filename="nothing.py", source=f"import {module}\n{SOURCE}"),)
        times, private = [], 0.0
        for _ in range(options.rounds or WORKERS):
            session = Session("nothing", cells, Limits())
            times.append(seconds(lambda session=session: session.module.nothing()))
            private = private_mb(session)
            session.close()
        first, *warm = times
        remark = f"(with the start of its server {first:.1f} s)"
        line(f"a worker with {library}, to the first result", statistics.median(warm or times) * 1e3, "ms", remark)
        line("  its own memory while it waits", private, "MiB")


def private_mb(session: Session) -> float:
    """MiB that the worker does not share with its server."""
    process = session._process
    assert isinstance(process, Forked), "at level E a worker shares nothing"
    lines = Path(f"/proc/{process._pid}/smaps_rollup").read_text("ascii").splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / 1024
