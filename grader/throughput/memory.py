"""How much memory a kernel may take, where its case says how large a tensor it may make.

The worker lists its tensors, which names the operation that makes one too large; but it may tell anything. The system
tells from outside the most memory that its process ever had, which is rough and cannot be argued with: so that is asked
of a worker that has done nothing else, for a case that is long enough. What a process has before the first call counts
as well, but for what imports take: a matrix made beforehand is a matrix.
"""

from __future__ import annotations

import math

from grader.throughput.case import Case
from grader.throughput.errors import Refused

MIB = 1 << 20
TENSORS = 8  # of the largest kind that a kernel may have at a time: logits, their exponentials, and what lies between
ENTRY = 4  # bytes of an entry, whatever the dtype is: sums are kept in float32
OWN = 64 * MIB  # what the library takes for itself at its first calls
IMPORTS = 160 * MIB  # what a kernel's imports may take, and what takes operations of the library away from it


def room(case: Case) -> float:
    """Bytes that a kernel may take for a case on top of its inputs and outputs."""
    return math.inf if case.largest is None else TENSORS * case.largest * ENTRY + OWN


def imported(kernel: int | None, library: int | None) -> int:
    """Bytes that a kernel had before its first call, over what the library's operation had and imports may take."""
    return 0 if kernel is None or library is None else max(0, kernel - library - IMPORTS)


def refuse_large(name: str, case: Case, largest: int, by: str) -> None:
    """Raises: Refused, if a kernel has made a tensor of more entries than it may; names the operation."""
    if case.largest is not None and largest > case.largest:
        raise Refused(
            f"{name} for {case.label} has a tensor of {largest:,} entries ({by}); expected {case.largest:,} at most. "
            "Work block by block."
        )


def refuse_memory(name: str, case: Case, extra: int | None, allowed: float) -> None:
    """Raises: Refused, if a kernel took more bytes on top of inputs and outputs than `allowed`."""
    if extra is not None and extra > allowed:
        raise Refused(
            f"{name} for {case.label} took {extra / 1e6:.0f} MB on top of inputs and outputs; expected "
            f"{allowed / 1e6:.0f} MB at most. Work block by block."
        )
