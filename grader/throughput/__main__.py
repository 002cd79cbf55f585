"""`python -m grader.throughput FILE`: how fast a kernel is on this machine.

Takes numpy and torch; triton for kernels in it, matplotlib for a picture, and nothing else of what the grader needs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from grader.device import DEVICES
from grader.errors import GraderError, SubmissionGone
from grader.feedback import judge
from grader.model import Limits
from grader.remote import SubmissionRaised
from grader.remote.raised import MissingName
from grader.submission import read_cells
from grader.throughput import attention, conv2d
from grader.throughput.case import SIZES, Case
from grader.throughput.curve import Curve
from grader.throughput.errors import Refused, Unmeasured
from grader.throughput.kernel import Kernel, beside
from grader.throughput.measure import measure
from grader.throughput.result import Measurement

OPERATIONS: dict[str, tuple[Case, ...]] = {
    "conv2d": (*conv2d.SHAPES, conv2d.ODD),
    "attention": (*attention.SHAPES, *attention.ODD),
}
ON_CPU = {"attention": attention.fewer_heads((*attention.SHAPES, *attention.ODD))}
CALL_SECONDS = 60.0  # one's own kernel may take its time


def parser() -> argparse.ArgumentParser:
    """The arguments; `grader throughput` takes the same."""
    made = argparse.ArgumentParser(prog="grader throughput", description="How fast a kernel is on this machine.")
    made.add_argument("file", type=Path, help="the module or notebook that defines the kernel")
    made.add_argument("--kernel", default="conv2d_im2col", help="the function (default: %(default)s)")
    made.add_argument(
        "--operation", choices=OPERATIONS, help="what it computes; the beginning of its name, if not given"
    )
    made.add_argument("--device", choices=DEVICES, default="cpu")
    made.add_argument("--dtype", choices=SIZES, help="float32 on the CPU and float16 on a GPU, if not given")
    made.add_argument("--curve", type=float, nargs=2, metavar=("LOW", "HIGH"), help="speeds that earn nothing and all")
    made.add_argument("--plot", type=Path, metavar="PICTURE", help="draw it, too: .png, .svg or .pdf")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, draw; returns the exit status: 1 if there is no speed, 2 if the call is wrong."""
    given = parser().parse_args(arguments)
    operation = given.operation or given.kernel.partition("_")[0]
    if operation not in OPERATIONS:
        print(f"{given.kernel}: say what it computes with --operation {' or '.join(OPERATIONS)}", file=sys.stderr)
        return 2
    try:
        curve = Curve(low=given.curve[0], high=given.curve[1]) if given.curve else None
        found = measure_file(given.file, given.kernel, cases(operation, given.device, given.dtype), given.device, curve)
    except (GraderError, ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    except Unmeasured as reason:
        print(reason)
        return 1
    except (Refused, SubmissionGone, SubmissionRaised, MissingName) as error:
        print(judge(error)[1])
        return 1
    print(found.text())
    if given.plot:
        from grader.throughput.plot import save

        save(found, given.plot)
        print(f"Picture: {given.plot}")
    return 0


def cases(operation: str, device: str, dtype: str | None) -> list[Case]:
    """What is timed of an operation on a device."""
    kind = dtype or ("float32" if device == "cpu" else "float16")
    cases = OPERATIONS[operation]
    if device == "cpu":
        return [case.with_dtype(kind, "contiguous") for case in ON_CPU.get(operation, cases)]
    return [case.with_dtype(kind, case.fastest) for case in cases]


def measure_file(path: Path, name: str, what: Sequence[Case], device: str, curve: Curve | None) -> Measurement:
    """Measure a function of a file, in a process of its own. Raises what `measure` and `read_cells` raise."""
    limits = Limits(call_seconds=CALL_SECONDS)
    kernel = Kernel(name=name, module=path.stem, cells=read_cells(path), limits=limits, start=beside)
    return measure(kernel, what, device=device, curve=curve)


if __name__ == "__main__":
    sys.exit(main())
