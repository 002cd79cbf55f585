"""What the staff's kernels reach here: all of the course, on all devices of this machine, as a table in Markdown, which is
what the curves are set by.
"""

from __future__ import annotations

import platform
from pathlib import Path

import torch

from grader.device import DEVICES
from grader.errors import SubmissionGone
from grader.model import Cell, Limits
from grader.remote import SubmissionRaised
from grader.throughput.__main__ import cases
from grader.throughput.errors import Refused, Unmeasured
from grader.throughput.kernel import Kernel, beside
from grader.throughput.measure import measure
from grader.throughput.result import Measurement
from tests.bench.options import Options

CONV, ATTENTION = "hw4/conv_kernels.py", "hw6/attention_kernels.py"
STAFF = (
    (CONV, "conv2d_im2col", "cpu", "float32"),
    (ATTENTION, "attention_blockwise", "cpu", "float32"),
    (CONV, "conv2d_im2col", "cuda", "float16"),
    (CONV, "conv2d_triton", "cuda", "float16"),
    (ATTENTION, "attention_triton", "cuda", "float16"),
)


def bench(options: Options) -> None:
    calibrate(options.root / "solutions")


def staff(source: Path, name: str) -> Kernel:
    """One of the staff's kernels, in a bare process: a sandbox keeps it from a GPU."""
    cells = (Cell(filename=source.name, source=source.read_text("utf-8")),)
    return Kernel(name=name, module=source.stem, cells=cells, limits=Limits(call_seconds=60), start=beside)


def calibrate(solutions: Path) -> None:
    """A table in Markdown, to be committed: device, versions, and what each of the staff's kernels reaches."""
    print(
        f"\n{platform.platform()}, Python {platform.python_version()}, torch {torch.__version__}{_triton()}{_driver()}"
    )
    print("\n| kernel | device | dtype | shape | speed | rate | of roofline |\n|---|---|---|---|---|---|---|")
    for source, name, device, dtype in STAFF:
        if not (solutions / source).exists():
            continue
        for case in cases(name.partition("_")[0], device, dtype):
            try:
                found = measure(staff(solutions / source, name), [case], device=device)
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
