"""Cheats in tests/throughput_cheats/, one file each: every one earns nothing.

A docstring says what a cheat tries. `says:` is what the refusal must match; without it the cheat comes down to slow
work, and must be found to be slow. `operation:` is what it computes, if no convolution. `device:` is the only one on
which it is possible; `round_seconds:` and `batch:` make it larger.
"""

import ast
import contextlib
import re
from dataclasses import replace
from pathlib import Path

import pytest

from grader.device import DEVICES
from grader.errors import SubmissionGone
from grader.model import Cell, Limits
from grader.remote import SubmissionRaised
from grader.sandbox.launch import available
from grader.sandbox.level import Level
from grader.throughput.attention import Attention
from grader.throughput.conv2d import Conv2d
from grader.throughput.curve import Curve
from grader.throughput.errors import Refused
from grader.throughput.kernel import Kernel, beside, sandboxed
from grader.throughput.measure import measure
from grader.throughput.statistics import Rules

FOLDER = Path(__file__).parent / "throughput_cheats"
CHEATS = sorted(FOLDER.glob("[!_]*.py"))
SMALL = Conv2d(channels=8, filters=8, image=(12, 12))
CASES = {"conv2d": SMALL, "attention": Attention(steps=1024, width=8, heads=2)}
RULES = Rules(
    warm_up=1,
    warm_up_seconds=0.0,
    call_seconds=0.0,
    round_seconds=0.01,
    rounds=(3, 4),
    caches=0,
    unsure=1e9,
    arena=64 << 20,
)
CURVE = Curve(low=0.08, high=0.25)


@pytest.fixture(autouse=True)
def _beside_others(monkeypatch):
    """Nothing depends on exact times here, so nobody has to wait for another measurement."""
    monkeypatch.setattr("grader.throughput.measure.alone", contextlib.nullcontext)


def kernel(source, start=sandboxed, name="conv2d"):
    tools = (FOLDER / "_tools.py").read_text("utf-8")
    cells = (Cell(filename="tools.py", source=tools), Cell(filename="kernel.py", source=source))
    return Kernel(name=name, module="kernel", cells=cells, limits=Limits(), start=start)


def header(source):
    lines = (ast.get_docstring(ast.parse(source)) or "").splitlines()[2:]
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


def earned(made, case, device, rules):
    """(share of the points, why there are none)"""
    try:
        return measure(made, [case], device=device, curve=CURVE, rules=rules).share, ""
    except (Refused, SubmissionRaised, SubmissionGone) as reason:
        return 0.0, str(reason)


def ways():
    """In the sandbox, and in a bare process; without the one there is the other."""
    yield pytest.param(beside, id="process")
    if available()[0] is not Level.E:
        yield pytest.param(sandboxed, id="sandbox")


def tried():
    """Each cheat in each way; those of attention, where the way makes no difference, in the last: a fork is cheap."""
    everywhere = list(ways())
    for path in CHEATS:
        for way in everywhere[-1:] if header(path.read_text("utf-8")).get("operation") else everywhere:
            yield pytest.param(path, *way.values, id=f"{path.stem}-{way.id}")


@pytest.mark.parametrize(("path", "start"), list(tried()))
def test_a_cheat_earns_nothing(path, start):
    source = path.read_text("utf-8")
    said = header(source)
    device = said.get("device", "cpu")
    if reason := DEVICES[device].missing():
        pytest.skip(reason)
    rules = replace(RULES, round_seconds=float(said.get("round_seconds", RULES.round_seconds)))
    operation = said.get("operation", "conv2d")
    case = CASES[operation].batched(int(said.get("batch", 1)))
    share, reason = earned(kernel(source, start, operation), case, device, rules)
    assert share == 0
    assert bool(reason) == ("says" in said), reason
    assert re.search(said.get("says", ""), reason, re.DOTALL), reason


@pytest.mark.parametrize(("operation", "honest"), [("conv2d", "honest"), ("attention", "honest_attention")])
def test_what_they_begin_with_is_right_and_earns_what_it_earns(operation, honest):
    """Without this, a cheat might earn nothing because the tests' own kernel is wrong."""
    source = f"def {operation}(*inputs, **named):\n    {honest}(*inputs, **named)\n"
    found = measure(kernel(source, name=operation), [CASES[operation]], curve=Curve(low=1e-3, high=1e3), rules=RULES)
    assert found.speeds[0].estimate.rounds in (3, 4)
    assert found.share > 0
