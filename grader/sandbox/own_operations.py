"""Refuses a submission whole operations of torch that it is to write itself, and autograd where it works by hand.

It is said to those who call them, by any of their names in Python: `torch.nn.LayerNorm` comes down to `layer_norm`, and
`Tensor.backward`, `torch.autograd` and `torch.func` to a few functions. It is a rule of the assignment and no part of
the boundary: what a submission computes in another thread, or has compiled, is not seen. Who goes such ways has got out
of some lines of mathematics, and of nothing else.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from torch.overrides import TorchFunctionMode

from grader.model import OwnWork

AUTOGRAD = frozenset({"backward", "grad", "_make_dual"})  # what any way of automatic differentiation comes down to
Asks = Callable[[FrameType], bool]


class OwnOperations(TorchFunctionMode):
    """In force within a `with` block, in this thread.

    Args:
        work: what the check file says.
        asks: whether it is the submission that has called, by the frame of the call; None where nobody else does.
    """

    def __init__(self, work: OwnWork, asks: Asks | None = None) -> None:
        super().__init__()
        self._work, self._asks = work, asks
        self._refused: dict[str, bool] = {}  # what is known of each name
        self._function = ""  # that is by hand, and runs

    def watched(self, name: str | None, function: Callable[..., Any]) -> Callable[..., Any]:
        """A function of the submission, without autograd if it is one that is by hand."""
        if name not in self._work.by_hand:
            return function

        @functools.wraps(function)
        def by_hand(*args: Any, **kwargs: Any) -> Any:
            before, self._function = self._function, str(name)
            try:
                return function(*args, **kwargs)
            finally:
                self._function = before

        return by_hand

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.__name__
        refused = self._refused.get(name)
        if refused is None:
            refused = self._refused[name] = any(part in name for part in self._work.operations)
        if refused and self._asked():
            raise RuntimeError(f"{name.partition('.')[0]} is the library's: this assignment asks for your own")
        if self._function and name in AUTOGRAD and self._asked():
            raise RuntimeError(f"{self._function} is to be written by hand: no automatic differentiation in it")
        return func(*args, **(kwargs or {}))

    def _asked(self) -> bool:
        return self._asks is None or self._asks(sys._getframe(2))
