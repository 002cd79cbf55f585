"""What was found about a kernel, as numbers and as text."""

from __future__ import annotations

from dataclasses import dataclass

from grader.throughput.case import Case
from grader.throughput.curve import Curve, overall
from grader.throughput.roofline import Roofline
from grader.throughput.statistics import Estimate

SUSPICIOUS = 1.1  # times as fast as the library: a person should look
MIB = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Speed:
    """Of one case.

    Attributes:
        seconds, library: of one call, the median.
        extra: bytes of memory on top of inputs and outputs; None where the system does not tell.
    """

    case: Case
    estimate: Estimate
    seconds: float
    library: float
    roofline: Roofline
    extra: int | None = None

    @property
    def share(self) -> float:
        """Of what the machine could do at most."""
        return self.roofline.seconds(self.case) / self.seconds

    @property
    def rate(self) -> str:
        """What bounds it, in its unit."""
        if self.roofline.bound(self.case) == "memory":
            return f"{self.case.bytes / self.seconds / 1e9:.1f} GB/s"
        flops = self.case.flops / self.seconds
        return f"{flops / 1e12:.1f} TFLOP/s" if flops >= 1e12 else f"{flops / 1e9:.1f} GFLOP/s"


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """Of one kernel."""

    kernel: str
    device: str
    speeds: tuple[Speed, ...]
    curve: Curve | None = None

    @property
    def speed(self) -> float:
        """Times as fast as the library's operation, over all cases."""
        return overall([speed.estimate.ratio for speed in self.speeds])

    @property
    def share(self) -> float:
        """Of the points; everything where no curve says."""
        return 1.0 if self.curve is None else self.curve.share(self.speed)

    def text(self) -> str:
        """Aligned, for a terminal and for feedback."""
        lines = [self._headline(), f"on {self.device}; the roofline is the best that this machine did"]
        rows = [("shape", "speed", "95 %", "rate", "of roofline", "extra memory"), *map(_row, self.speeds)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        for row in rows:
            first, *rest = (
                text.ljust(width) if not column else text.rjust(width)
                for column, (text, width) in enumerate(zip(row, widths, strict=True))
            )
            lines.append("  ".join([first, *rest]))
        if max(speed.estimate.ratio for speed in self.speeds) > SUSPICIOUS:
            lines.append(f"Faster than {SUSPICIOUS:g} × the library: a person should look at how.")
        return "\n".join(lines)

    def _headline(self) -> str:
        head = f"{self.kernel} is {self.speed:.2f} times as fast as the library's operation"
        if self.curve is None:
            return head
        return f"{head}: {self.share:.0%} of the points ({self.curve.low:g} earns none, {self.curve.high:g} all)"


def _row(speed: Speed) -> tuple[str, ...]:
    found = speed.estimate
    return (
        speed.case.label,
        f"{found.ratio:.3f}",
        f"{found.low:.3f} – {found.high:.3f}",
        speed.rate,
        f"{speed.share:.0%}",
        "?" if speed.extra is None else f"{speed.extra / MIB:.0f} MiB",
    )
