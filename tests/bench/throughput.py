"""How well a speed is known, and what the staff's kernels reach here.

One honest kernel is measured again and again: what its ten speeds differ by is what a student's differ by. Then all
kernels of the course on all devices of this machine, as a table in Markdown, which is what the curves are set by.
"""

from __future__ import annotations

import platform
import statistics
from pathlib import Path

import torch

from grader.device import DEVICES
from grader.errors import SubmissionGone
from grader.model import Cell, Limits
from grader.remote import SubmissionRaised
from grader.throughput import conv2d
from grader.throughput.case import Case
from grader.throughput.curve import Curve
from grader.throughput.errors import Refused, Unmeasured
from grader.throughput.kernel import Kernel, beside
from grader.throughput.measure import measure
from grader.throughput.result import Measurement
from tests.bench.options import Options
from tests.bench.timing import line

TIMES = 10
REPEATED = conv2d.SHAPES[2]
CURVE = Curve(low=0.4, high=1.25)  # on whose slope the repeated kernel lies
ALL = (*conv2d.SHAPES, conv2d.ODD)
STAFF: tuple[tuple[str, str, str, tuple[Case, ...]], ...] = (
    ("conv2d_im2col", "cpu", "float32", ALL),
    ("conv2d_im2col", "cuda", "float16", tuple(case.with_dtype("float16", "channels_last") for case in ALL)),
    ("conv2d_triton", "cuda", "float16", tuple(case.with_dtype("float16", "channels_last") for case in ALL)),
)


def bench(options: Options) -> None:
    source = options.root / "solutions" / "hw4" / "conv_kernels.py"
    spread(staff(source, "conv2d_im2col"), options.rounds or TIMES)
    calibrate(source)


def staff(source: Path, name: str) -> Kernel:
    """One of the staff's kernels, in a bare process: a sandbox keeps it from a GPU."""
    cells = (Cell(filename=source.name, source=source.read_text("utf-8")),)
    return Kernel(name=name, module=source.stem, cells=cells, limits=Limits(call_seconds=60), start=beside)


def spread(kernel: Kernel, times: int) -> None:
    """Measure the same kernel several times; the points are those of a curve on whose slope it lies."""
    speeds, shares = [], []
    for number in range(times):
        found = measure(kernel, [REPEATED], curve=CURVE)
        speeds.append(found.speed)
        shares.append(found.share)
        rounds = found.speeds[0].estimate.rounds
        line(f"{kernel.name}, {REPEATED.label}, measurement {number + 1}", found.speed, "×", f"({rounds} rounds)")
    middle = statistics.median(speeds)
    line("  median", middle, "×")
    line("  farthest from it", 100 * max(abs(speed / middle - 1) for speed in speeds), "%")
    line("  the same, of the points of a task", 100 * (max(shares) - min(shares)) / 2, "%")


def calibrate(source: Path) -> None:
    """A table in Markdown, to be committed: device, versions, and what each of the staff's kernels reaches."""
    print(
        f"\n{platform.platform()}, Python {platform.python_version()}, torch {torch.__version__}{_triton()}{_driver()}"
    )
    print("\n| kernel | device | dtype | shape | speed | rate | of roofline |\n|---|---|---|---|---|---|---|")
    for name, device, dtype, cases in STAFF:
        for case in cases:
            try:
                found = measure(staff(source, name), [case], device=device)
            except (Unmeasured, Refused, SubmissionRaised, SubmissionGone) as reason:
                print(f"| {name} | {device} | {dtype} | – | not measured: {reason} | | |", flush=True)
                break
            print(_row(found, name, dtype), flush=True)


def _row(found: Measurement, name: str, dtype: str) -> str:
    (speed,) = found.speeds
    return (
        f"| {name} | {found.device} | {dtype} | {speed.case.label} | {speed.estimate.ratio:.2f} | {speed.rate} "
        f"| {speed.share:.0%} |"
    )


def _triton() -> str:
    try:
        import triton
    except ImportError:
        return ", no triton"
    return f", triton {triton.__version__}"


def _driver() -> str:
    return "" if DEVICES["cuda"].missing() else f", CUDA {torch.version.cuda}, cuDNN {torch.backends.cudnn.version()}"
