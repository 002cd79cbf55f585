"""Where the tensors of many calls lie in shared memory: first all inputs, then all outputs, with gaps between."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from grader.sandbox.timed import view
from grader.throughput.case import Case, Place

if TYPE_CHECKING:
    import torch

GAP = 1024  # bytes around each tensor, which nobody may write, and which make NaN of what reads them
ALIGN = 256  # bytes, as a GPU's allocator gives
NAN = 0xFF  # a byte of which every floating-point number is NaN


class Layout:
    """The tensors of `count` calls.

    Attributes:
        size: bytes of all.
        outputs_from: where the inputs end.
    """

    def __init__(self, case: Case, count: int) -> None:
        self.case, self.count, self.size = case, count, 0
        self._inputs = [[self._put(place) for place in case.inputs] for _ in range(count)]
        self.outputs_from = self.size
        self._outputs = [self._put(case.output) for _ in range(count)]
        self.size += GAP

    def _put(self, place: Place) -> int:
        offset = -(-(self.size + GAP) // ALIGN) * ALIGN
        self.size = offset + place.span
        return offset

    def slots(self) -> list[tuple[list[Any], dict[str, Any], dict[str, Any]]]:
        """As `grader.sandbox.timed.Calls` takes them."""
        return [
            (
                [_plain(place, offset) for place, offset in zip(self.case.inputs, offsets, strict=True)],
                dict(self.case.options),
                {"out": _plain(self.case.output, out)},
            )
            for offsets, out in zip(self._inputs, self._outputs, strict=True)
        ]

    def inputs(self, memory: torch.Tensor, call: int) -> list[torch.Tensor]:
        places = zip(self.case.inputs, self._inputs[call], strict=True)
        return [view(memory, *_plain(place, offset)) for place, offset in places]

    def output(self, memory: torch.Tensor, call: int) -> torch.Tensor:
        tensor: torch.Tensor = view(memory, *_plain(self.case.output, self._outputs[call]))
        return tensor


def largest(case: Case, size: int) -> int:
    """How many calls fit into so many bytes; at least one."""
    one = Layout(case, 2).size - Layout(case, 1).size
    return max(1, (size - GAP) // (one + ALIGN))


def _plain(place: Place, offset: int) -> tuple[str, list[int], list[int], int]:
    return place.dtype, list(place.shape), list(place.stride), offset
