"""How well a speed is known: one honest kernel of each operation is measured again and again (-r, ten times).

What its speeds differ by is what a student's differ by.
"""

from __future__ import annotations

import statistics

from grader.throughput import attention, conv2d
from grader.throughput.curve import Curve
from grader.throughput.kernel import Kernel
from grader.throughput.measure import measure
from tests.bench.options import Options
from tests.bench.throughput import staff
from tests.bench.timing import line

TIMES = 10
CURVE = Curve(low=0.4, high=1.25)  # on whose slope the repeated kernels lie
REPEATED = (
    ("hw4", "conv_kernels", "conv2d_im2col", conv2d.SHAPES[2]),
    ("hw6", "attention_kernels", "attention_blockwise", attention.SHAPES[0]),
)


def bench(options: Options) -> None:
    for assignment, module, name, case in REPEATED:
        source = options.root / "solutions" / assignment / f"{module}.py"
        if assignment in options.assignments and source.exists():
            spread(staff(source, name), case, options.rounds or TIMES)


def spread(kernel: Kernel, case: conv2d.Conv2d | attention.Attention, times: int) -> None:
    """Measure the same kernel several times; the points are those of a curve on whose slope it lies."""
    speeds, shares = [], []
    for number in range(times):
        found = measure(kernel, [case], curve=CURVE)
        speeds.append(found.speed)
        shares.append(found.share)
        rounds = found.speeds[0].estimate.rounds
        line(f"{kernel.name}, {case.label}, measurement {number + 1}", found.speed, "×", f"({rounds} rounds)")
    middle = statistics.median(speeds)
    line("  median", middle, "×")
    line("  farthest from it", 100 * max(abs(speed / middle - 1) for speed in speeds), "%")
    line("  the same, of the points of a task", 100 * (max(shares) - min(shares)) / 2, "%")
