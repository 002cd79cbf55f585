"""A layer, forward and backward, as torch computes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from grader.explain import assert_close, unchanged, unpack
from grader.gradients import assert_gradients
from grader.oracles.tensors import tensor

Array = NDArray[Any]
Cache = tuple[list[Any], dict[str, Any]]
Related = Mapping[str, object]


class LayerCase(Protocol):
    """What a layer is tried on: a case of `strategies`."""

    @property
    def inputs(self) -> tuple[Array, ...]: ...  # what it is differentiated by, the first arguments
    @property
    def options(self) -> Mapping[str, Any]: ...  # further arguments, by keyword
    @property
    def arguments(self) -> str: ...  # both, as in a call
    @property
    def dout(self) -> Array: ...
    @property
    def given(self) -> Mapping[str, object]: ...
    @property
    def sizes(self) -> Mapping[str, int]: ...


def softmax(S: Array) -> Array:
    """Scores (N, K) → probabilities (N, K), row by row."""
    return torch.softmax(tensor(S), dim=-1).numpy()


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A layer whose halves are called `<name>_forward` and `<name>_backward`.

    Attributes:
        inputs: the names of the arrays that it is differentiated by, in the order of arguments.
        operation: on tensors.
    """

    name: str
    inputs: tuple[str, ...]
    operation: Callable[..., torch.Tensor]

    @property
    def stand_ins(self) -> dict[str, Callable[..., Any]]:
        """For `pytest.mark.stand_in`."""
        return {f"{self.name}_forward": self.forward, f"{self.name}_backward": self.backward}

    def forward(self, *args: Any, **options: Any) -> tuple[Array, Cache]:
        """(out, cache). Arrays of mixed precision give the higher one, as in NumPy."""
        dtype = np.result_type(*(arg for arg in args if isinstance(arg, np.ndarray)))
        cache = [np.array(arg, dtype, order="C") if isinstance(arg, np.ndarray) else arg for arg in args], options
        return self._run(cache)[0].detach().numpy(), cache

    def backward(self, dout: Array, cache: Cache) -> Any:
        """The gradients of sum(dout * out) by the arrays that forward was given, in a tuple; one alone by itself."""
        out, leaves = self._run(cache)
        gradients = tuple(part.numpy() for part in torch.autograd.grad(out, leaves, tensor(dout).to(out.dtype)))
        return gradients if len(gradients) > 1 else gradients[0]

    def _run(self, cache: Cache) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """(out, the arguments that it is differentiated by)."""
        args, options = cache
        given = [tensor(arg).requires_grad_() if isinstance(arg, np.ndarray) else arg for arg in args]
        return self.operation(*given, **options), [arg for arg in given if isinstance(arg, torch.Tensor)]

    def check_forward(self, hw: Any, case: LayerCase, related: Related | None = None) -> None:
        """`out` is right, and the arguments stay as they are."""
        __tracebackhide__ = True
        what = f"{self.name}_forward({case.arguments})"
        with unchanged(what, **dict(zip(self.inputs, case.inputs, strict=True))):
            out, _ = self._forward(hw, case)
        expected, _ = self.forward(*case.inputs, **case.options)
        assert_close(out, expected, what=f"{what} → out", given=case.given, related=related, sizes=case.sizes)

    def check_backward(
        self, hw: Any, case: LayerCase, related: Callable[[], Mapping[str, Related]] = dict, times: int = 1
    ) -> None:
        """The gradients are right, or those of the submission's own forward; each of so many times, for one cache."""
        __tracebackhide__ = True
        _, cache = self._forward(hw, case)
        right = self.backward(case.dout, self.forward(*case.inputs, **case.options)[1])
        expected = dict(zip(self._gradients, right if len(self.inputs) > 1 else (right,), strict=True))
        what = f"{self.name}_backward(dout, cache)"
        for again in range(times):
            with unchanged(what, dout=case.dout):
                found = getattr(hw, f"{self.name}_backward")(case.dout, cache)
            assert_gradients(
                unpack(found, self._gradients, what=what) if len(self.inputs) > 1 else (found,),
                expected,
                forward=lambda *inputs: self._forward(hw, case, *inputs)[0],
                inputs=case.inputs,
                dout=case.dout,
                what=f"{what}, called again with the same cache," if again else what,
                related=related,
                given={**case.given, "dout": case.dout},
                sizes=case.sizes,
            )

    @property
    def _gradients(self) -> tuple[str, ...]:
        return tuple(f"d{name}" for name in self.inputs)

    def _forward(self, hw: Any, case: LayerCase, *inputs: Array) -> tuple[Any, ...]:
        """(out, cache) of the submission, for the inputs of the case or others."""
        __tracebackhide__ = True
        result = getattr(hw, f"{self.name}_forward")(*(inputs or case.inputs), **case.options)
        return unpack(result, ("out", "cache"), what=f"{self.name}_forward({case.arguments})")
