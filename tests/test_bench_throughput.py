"""What `make bench BENCH=throughput`, `BENCH=spread` and `BENCH=resources` print."""

import itertools
from pathlib import Path

import pytest

from grader.throughput.__main__ import OPERATIONS
from grader.throughput.errors import Unmeasured
from tests.bench import resources, spread, throughput
from tests.bench.options import Options
from tests.test_throughput_numbers import measurement

ROOT = Path(__file__).parent.parent
ATTENTION = ROOT / "solutions" / throughput.ATTENTION


def test_the_spread_is_that_of_the_measurements(monkeypatch, capsys):
    found = iter([measurement(0.5), measurement(0.52), measurement(0.49)])
    monkeypatch.setattr(spread, "measure", lambda *args, **named: next(found))
    spread.bench(Options(root=ROOT, assignments=("hw4",), rounds=3))
    said = capsys.readouterr().out
    assert "median" in said
    assert "4.00 %" in said


def test_the_table_says_what_was_reached_and_what_was_not_measured(monkeypatch, capsys):
    def measure(kernel, cases, *, device):
        if device == "cuda":
            raise Unmeasured("there is none")
        return measurement(0.5)

    monkeypatch.setattr(throughput, "measure", measure)
    throughput.bench(Options(root=ROOT, assignments=()))
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| conv2d")]
    assert len([row for row in rows if "0.50" in row]) == len(OPERATIONS["conv2d"])
    assert [row for row in rows if "not measured: there is none" in row]


@pytest.mark.filterwarnings("ignore")  # triton's own
def test_the_kernels_compile_for_gpus_that_are_not_here(monkeypatch, capsys):
    pytest.importorskip("triton")
    every = resources.configurations
    monkeypatch.setattr(resources, "configurations", lambda *args, **named: itertools.islice(every(*args, **named), 1))
    resources.bench(Options(root=ROOT, assignments=()))
    rows = [line for line in capsys.readouterr().out.splitlines() if "| sm_" in line]
    found = {tuple(cell.strip() for cell in row.split("|")[1:3]) for row in rows}
    kernels = {"convolution"} | {f"attention, d = {width}" for width in (64, 128) if ATTENTION.exists()}
    assert found == set(itertools.product(kernels, ("sm_80", "sm_90")))
    assert all("MMA" in row for row in rows)


def test_without_triton_it_says_so(monkeypatch, capsys):
    monkeypatch.setitem(__import__("sys").modules, "triton", None)
    resources.bench(Options(root=ROOT, assignments=()))
    assert "not measured: triton is not installed" in capsys.readouterr().out
