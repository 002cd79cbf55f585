"""A measurement as a picture: the roofline of the machine, and where the kernel and the library are under it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from grader.throughput.result import Measurement, Speed

REACH = 4.0  # times the range of the cases that the axes show


def save(found: Measurement, path: Path) -> None:
    """Write it as an image of the kind that the name ends in: .png, .svg, .pdf; takes matplotlib."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.5), layout="constrained")
    roof, bars = figure.subplots(1, 2)
    _roofline(roof, found.speeds)
    _bars(bars, found)
    figure.suptitle(f"{found.kernel} on {found.device}")
    figure.savefig(path, dpi=144)


def intensity(speed: Speed) -> float:
    """Operations for each byte."""
    return speed.case.flops / speed.case.bytes


def _roofline(axes: Any, speeds: tuple[Speed, ...]) -> None:
    intensities = [intensity(speed) for speed in speeds]
    x = np.geomspace(min(intensities) / REACH, max(intensities) * REACH, 100)
    best = max(speeds, key=lambda speed: speed.roofline.flops).roofline
    axes.loglog(x, np.minimum(best.flops, x * best.bytes) / 1e9, color="black", label="roofline")
    for name, mark, seconds in (
        ("library", "s", [speed.library for speed in speeds]),
        ("kernel", "o", [speed.seconds for speed in speeds]),
    ):
        rates = [speed.case.flops / taken / 1e9 for speed, taken in zip(speeds, seconds, strict=True)]
        axes.loglog(intensities, rates, mark, label=name)
    axes.set(xlabel="FLOP / byte", ylabel="GFLOP/s", title="roofline")
    axes.legend()


def _bars(axes: Any, found: Measurement) -> None:
    places = np.arange(len(found.speeds))[::-1]
    ratios = [speed.estimate.ratio for speed in found.speeds]
    errors = [
        [speed.estimate.ratio - speed.estimate.low for speed in found.speeds],
        [speed.estimate.high - speed.estimate.ratio for speed in found.speeds],
    ]
    axes.barh(places, ratios, xerr=errors, capsize=3)
    axes.set_yticks(places, [speed.case.label for speed in found.speeds], fontsize=8)
    if found.curve is not None:
        for edge in (found.curve.low, found.curve.high):
            axes.axvline(edge, color="black", linestyle=":")
    axes.set(xlabel="times as fast as the library", title=f"{found.speed:.2f} over all")
