"""One step of a submitted recurrent cell, `X_step_forward` and `X_step_backward`, whichever cell it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from grader.explain import NUMERICAL_RTOL, assert_array, assert_close, assert_scalar, unchanged, unpack
from grader.gradients import numerical_gradient
from grader.oracles.recurrent import WEIGHTS, gru_cell, lstm_cell, rnn_cell
from grader.oracles.tensors import Array, arrays, leaf, pulled, tensor
from grader.strategies import Step

Related = Mapping[str, Mapping[str, object]]  # by name of the value: what known mistakes make of it


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A kind of cell.

    Attributes:
        name: of its functions: "lstm" stands for lstm_step_forward.
        gates: blocks of columns in U, W and b.
        states: what it hands on, "h" or "h" and "c".
        right: torch's, of x, the states, U, W and b.
    """

    name: str
    gates: int
    states: tuple[str, ...]
    right: Callable[..., Any]

    @property
    def forward_call(self) -> str:
        """How messages call it."""
        return f"{self.name}_step_forward({', '.join(('x', *self._before, 'params'))})"

    @property
    def backward_call(self) -> str:
        return f"{self.name}_step_backward({', '.join((*(f'd{name}' for name in self.states), 'cache'))})"

    @property
    def gradients(self) -> tuple[str, ...]:
        """Names of what backward returns."""
        return tuple(f"d{name}" for name in ("x", *self._before, *WEIGHTS))

    @property
    def _before(self) -> tuple[str, ...]:
        return tuple(f"{name}_prev" for name in self.states)

    def inputs(self, case: Step) -> dict[str, Array]:
        """All arrays that go in, by name."""
        return {name: getattr(case, name) for name in ("x", *self._before)} | case.params

    def douts(self, case: Step) -> list[Array]:
        return [getattr(case, f"d{name}") for name in self.states]

    def given(self, case: Step, backward: bool = False) -> dict[str, object]:
        """For `explain`: the inputs to show."""
        names = [f"d{name}" for name in self.states] if backward else []
        return self.inputs(case) | {name: getattr(case, name) for name in names}

    def forward(self, hw: Any, inputs: Mapping[str, Array]) -> tuple[tuple[Any, ...], Any]:
        """(the new states, cache) of the submission."""
        __tracebackhide__ = True
        function, params = getattr(hw, f"{self.name}_step_forward"), {name: inputs[name] for name in WEIGHTS}
        result = function(inputs["x"], *(inputs[name] for name in self._before), params)
        *states, cache = unpack(result, (*self.states, "cache"), what=self.forward_call)
        return tuple(states), cache

    def backward(self, hw: Any, douts: list[Array], cache: Any) -> tuple[Any, ...]:
        """The gradients of the submission, in the order of `gradients`."""
        __tracebackhide__ = True
        return unpack(getattr(hw, f"{self.name}_step_backward")(*douts, cache), self.gradients, what=self.backward_call)

    def expected(self, case: Step) -> tuple[Array, ...]:
        """The right states."""
        return self.outs([tensor(part) for part in self.inputs(case).values()])

    def outs(self, parts: list[torch.Tensor]) -> tuple[Array, ...]:
        out = self.right(*parts)
        return arrays(*out) if isinstance(out, tuple) else arrays(out)

    def pulled(self, case: Step, douts: list[Array]) -> dict[str, Array]:
        """torch's gradients for other `douts` than those of the case."""
        leaves = [leaf(part) for part in self.inputs(case).values()]
        out = self.right(*leaves)
        whole = torch.cat(out) if isinstance(out, tuple) else out
        return dict(zip(self.gradients, pulled(whole, np.concatenate(douts), *leaves), strict=True))

    def numerical(self, hw: Any, case: Step) -> dict[str, Array]:
        """The gradients by central differences of the submission's own forward function, in float64."""
        wide = case.astype(np.float64)
        inputs, douts = self.inputs(wide), self.douts(wide)

        def weighted(name: str) -> Callable[[Array], float]:
            return lambda value: self.weighted(self.forward(hw, inputs | {name: value})[0], douts)

        slopes = [numerical_gradient(weighted(name), array) for name, array in inputs.items()]
        return dict(zip(self.gradients, slopes, strict=True))

    def weighted(self, states: tuple[Any, ...], douts: list[Array]) -> float:
        """sum(dout * state) over the states of a submission, shapes checked."""
        __tracebackhide__ = True
        for name, state, dout in zip(self.states, states, douts, strict=True):
            assert_array(state, shape=dout.shape, dtype=np.float64, what=f"{self.forward_call} → {name}")
        return sum(float(np.vdot(dout, state)) for dout, state in zip(douts, states, strict=True))

    def check_forward(self, hw: Any, case: Step, related: Related | None = None, **tolerance: Any) -> None:
        """The states are those of torch's cell."""
        __tracebackhide__ = True
        found, _ = self.forward(hw, self.inputs(case))
        for name, part, right in reversed(list(zip(self.states, found, self.expected(case), strict=True))):
            mistakes, what = (related or {}).get(name), f"{self.forward_call} → {name}"
            given = self.given(case)
            assert_close(part, right, what=what, given=given, related=mistakes, sizes=case.sizes, **tolerance)

    def check_backward(self, hw: Any, case: Step, related: Related | None = None, **tolerance: Any) -> None:
        """The gradients are those of the submission's own forward function, right or wrong."""
        __tracebackhide__ = True
        _, cache = self.forward(hw, self.inputs(case))
        found, expected = self.backward(hw, self.douts(case), cache), self.numerical(hw, case)
        options: dict[str, Any] = {"rtol": NUMERICAL_RTOL, "atol": 1e-8, "dtype": case.x.dtype, "sizes": case.sizes}
        for name, part in zip(self.gradients, found, strict=True):
            mistakes, what = (related or {}).get(name), f"{self.backward_call} → {name}"
            given = self.given(case, backward=True)
            assert_close(part, expected[name], what=what, given=given, related=mistakes, **options | tolerance)

    def check_manners(self, hw: Any, case: Step) -> None:
        """Backward gives the same a second time; neither function changes what it is given."""
        __tracebackhide__ = True
        with unchanged(self.forward_call, **self.inputs(case)):
            _, cache = self.forward(hw, self.inputs(case))
        douts = self.douts(case)
        with unchanged(self.backward_call, douts=douts):
            first = self.backward(hw, douts, cache)
        again = self.backward(hw, douts, cache)
        for name, before, part in zip(self.gradients, first, again, strict=True):
            assert_close(part, before, what=f"{self.backward_call} → {name}, called again with the same cache,")

    def check_through_time(self, hw: Any, case: Step, T: int, h: float = 2.0**-17) -> None:
        """T steps in a row, with the same x, and a loss on the last states alone: its gradient reaches the first step.

        For each input, the sum of its gradients over the steps, along a random direction, is the slope of what the
        submission's own forward function gives.
        """
        __tracebackhide__ = True
        inputs, kept = self.inputs(case), []
        ways = {name: np.cos(np.arange(array.size) + 1.0).reshape(array.shape) for name, array in inputs.items()}

        def last(**start: Array) -> tuple[Any, ...]:
            states, point = tuple[Any, ...](), inputs | start
            for _ in range(T):
                states, cache = self.forward(hw, point)
                kept.append(cache)
                point |= dict(zip(self._before, states, strict=True))
            return states

        last()
        douts, totals = self.douts(case), dict.fromkeys(self.gradients, 0.0)
        for cache in reversed(kept):
            found = dict(zip(self.gradients, self.backward(hw, douts, cache), strict=True))
            douts = [found[f"d{name}"] for name in self._before]
            handed = [f"d{name}" for name in self._before]
            for name, array in inputs.items():
                what = f"{self.backward_call} → d{name}"
                assert_array(found[f"d{name}"], shape=array.shape, dtype=array.dtype, what=what)
            totals |= {name: part if name in handed else totals[name] + part for name, part in found.items()}
        for name, way in ways.items():
            ends = [self.weighted(last(**{name: inputs[name] + side * way}), self.douts(case)) for side in (h, -h)]
            what = f"{self.backward_call} → d{name}, over {T} steps, along a direction,"
            slope = (ends[0] - ends[1]) / (2 * h)
            assert_scalar(float(np.vdot(totals[f"d{name}"], way)), slope, what=what, rtol=1e-5, atol=1e-7)


RNN = Cell(name="rnn", gates=1, states=("h",), right=rnn_cell)
LSTM = Cell(name="lstm", gates=4, states=("h", "c"), right=lstm_cell)
GRU = Cell(name="gru", gates=3, states=("h",), right=gru_cell)
