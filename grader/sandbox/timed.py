"""The worker's side of a measurement: a function, its calls, and the shared memory that they read and write.

Nothing here is believed: the clock, the inputs and the right outputs are on the other side (see `grader.throughput`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from grader.device import DEVICES


class Calls:
    """What is called, and on what.

    Args:
        function: of the submission.
        descriptor: of the shared memory, where it takes one.
        device: a name of `DEVICES`.
        grant: of the arena.
        slots: for each call its inputs, by place; its plain options and its outputs, by name. A tensor is
            (dtype, shape, stride, offset in bytes).
    """

    def __init__(
        self,
        function: Callable[..., Any],
        descriptor: int | None,
        device: str,
        grant: dict[str, Any],
        slots: list[tuple[list[Any], dict[str, Any], dict[str, Any]]],
    ) -> None:
        self._function, self._device = function, DEVICES[device]
        self._memory = memory = self._device.opened(grant, descriptor)
        self._calls = [
            (
                [view(memory, *place) for place in inputs],
                options | {name: view(memory, *place) for name, place in outputs.items()},
            )
            for inputs, options, outputs in slots
        ]

    def run(self, first: int, end: int) -> None:
        """Make the calls from the first up to the end, which is not made, and wait until their work is done."""
        for inputs, named in self._calls[first:end]:
            self._function(*inputs, **named)
        self._device.synchronise()

    def audit(self) -> dict[str, Any]:
        """Make the first, and tell the operations and the kernels of a GPU that it comes down to, in any thread; the
        entries of the largest tensor among them; and which operation has it."""
        import torch
        from torch.profiler import ProfilerActivity, profile
        from torch.utils._python_dispatch import TorchDispatchMode
        from torch.utils._pytree import tree_leaves

        seen, memory = set[str](), self._memory
        largest = 0, ""

        class Listener(TorchDispatchMode):  # type: ignore[no-untyped-call]
            def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
                nonlocal largest
                seen.add(str(func))
                result = func(*args, **(kwargs or {}))
                leaves = tree_leaves((args, kwargs, result))
                largest = max(largest, *((entries(leaf, memory), str(func)) for leaf in leaves))
                return result

        everywhere = torch.profiler._ExperimentalConfig(profile_all_threads=True)  # type: ignore[attr-defined]
        activities = [ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * (self._device.name == "cuda")
        with profile(activities=activities, experimental_config=everywhere) as found:
            self.run(0, 1)
        with Listener():  # type: ignore[no-untyped-call]
            self.run(0, 1)
        names = sorted(seen | {str(event.name()) for event in found.profiler.kineto_results.events()})
        return {"operations": names, "largest": largest[0], "by": largest[1]}


def entries(value: Any, arena: Any) -> int:
    """Of a tensor: those that lie in memory, which are fewer where it is expanded; 0 of what lies in the arena."""
    import torch

    if not isinstance(value, torch.Tensor) or value.layout is not torch.strided:
        return 0
    if 0 <= value.data_ptr() - arena.data_ptr() < len(arena):
        return 0
    return min(value.numel(), value.untyped_storage().nbytes() // value.element_size())


def view(memory: Any, dtype: str, shape: list[int], stride: list[int], offset: int) -> Any:
    """A tensor that lies in an arena."""
    import torch

    kind = getattr(torch, dtype)
    whole = memory[: len(memory) // kind.itemsize * kind.itemsize].view(kind)
    return whole.as_strided(tuple(shape), tuple(stride), offset // kind.itemsize)
