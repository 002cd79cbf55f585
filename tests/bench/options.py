"""What is asked of a measurement."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The course, and how much of it is measured how often.

    Attributes:
        sizes: of classes; empty for each measurement's own.
        rounds: of which the median counts; None for each measurement's own.
    """

    root: Path
    assignments: tuple[str, ...]
    sizes: tuple[int, ...] = ()
    rounds: int | None = None
