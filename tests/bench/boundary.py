"""What a call over the boundary costs."""

from __future__ import annotations

from typing import Any

import numpy as np

from grader.model import Cell, Limits
from grader.remote import Session
from grader.replay import play, record
from grader.tape import Tape
from tests.bench.options import Options
from tests.bench.timing import ROUNDS, line, ratio, seconds

ECHO = """
import numpy
def nothing(): return None
def echo(x): return x  # comes back as "your first argument"
def back(x): return x[:]  # another array, so its data comes back
"""
CALLS = 1000


def bench(options: Options) -> None:
    session = Session("echo", (Cell(filename="echo.py", source=ECHO),), Limits())
    hw = session.module
    small = np.ones((4, 3))
    rounds = options.rounds or ROUNDS
    tape = Tape()
    record(tape, check.__name__, check, {"hw": hw}, session)
    for name, call in {
        "call without arguments": hw.nothing,
        "array of 4 x 3 there": lambda: hw.echo(small),
        "array of 4 x 3 there and back": lambda: hw.back(small),
    }.items():
        each = min(seconds(call, CALLS) for _ in range(rounds))
        line(name, each * 1e6, "µs", f"({1 / each:,.0f} a second)")
    for name, passed in {
        "in a check, sent before it asks": False,
        "likewise, answered as by one that passed": True,
    }.items():
        each = min(seconds(lambda known=passed: replay(session, tape, known=known), 1) for _ in range(rounds)) / CALLS
        line(name, each * 1e6, "µs", f"({1 / each:,.0f} a second)")
    for name, large in {"2 MB": np.ones((1000, 250)), "8 MB": np.ones((1000, 1000))}.items():
        there, copies, times = ratio(lambda x=large: hw.back(x), lambda x=large: (x.copy(), x.copy()), 6 * rounds)
        remark = f"({times:.1f} x two copies of {copies * 1e3:.1f} ms)"
        line(f"array of {name} there and back", there * 1e3, "ms", remark)
    session.close()


def check(hw: Any) -> None:
    """Makes small calls, and looks at each answer."""
    for number in range(CALLS):
        assert hw.echo(number) == number


def replay(session: Session, tape: Tape, *, known: bool) -> None:
    """Run the check as grading does."""
    if not known:
        tape.passed.clear()
    session.begin()
    with session.stand_in({}):
        assert play(tape, check.__name__, check, {"hw": session.module}, session)
