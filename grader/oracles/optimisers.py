"""Optimisers of torch as functions (w, dw, state, eta, …) -> (w, state), and the way down a quadratic."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from torch import tensor as scalar
from torch import zeros_like
from torch.optim.adagrad import adagrad as torch_adagrad
from torch.optim.adam import adam as torch_adam
from torch.optim.adamw import adamw as torch_adamw

from grader.explain import assert_array, assert_close, unchanged, unpack
from grader.oracles.tensors import Array, arrays, tensor
from grader.strategies import Descent

Memory = dict[str, Any]
Optimiser = Callable[..., tuple[Array, Any]]
Rule = Callable[[Array, Array, int, Memory], Array]  # (w, dw, t, memory) -> w

EPS_RTOL = 1e-5  # an eps of 1e-8 may stand inside the root or outside


def adagrad(w: Array, dw: Array, state: Any, eta: float, eps: float = 1e-8) -> tuple[Array, Any]:
    moved = tensor(w)
    total, t = (zeros_like(moved), scalar(0.0)) if state is None else map(tensor, state)
    constants: Memory = {"weight_decay": 0, "lr_decay": 0, "maximize": False, "foreach": False, "fused": False}
    torch_adagrad([moved], [tensor(dw)], [total], [t], has_sparse_grad=False, lr=eta, eps=eps, **constants)
    return moved.numpy(), arrays(total, t)


def adam(
    w: Array, dw: Array, state: Any, eta: float, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8
) -> tuple[Array, Any]:
    moved = tensor(w)
    zeros = zeros_like(moved), zeros_like(moved), scalar(0.0)
    mean, square, t = zeros if state is None else map(tensor, state)
    constants: Memory = {"weight_decay": 0, "amsgrad": False, "maximize": False, "foreach": False}
    constants |= {"beta1": beta1, "beta2": beta2}
    torch_adam([moved], [tensor(dw)], [mean], [square], [], [t], lr=eta, eps=eps, **constants)
    return moved.numpy(), arrays(mean, square, t)


def adamw(
    w: Array,
    dw: Array,
    state: Any,
    eta: float,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    weight_decay: float = 0.01,
) -> tuple[Array, Any]:
    moved = tensor(w)
    zeros = zeros_like(moved), zeros_like(moved), scalar(0.0)
    mean, square, t = zeros if state is None else map(tensor, state)
    constants: Memory = {"amsgrad": False, "maximize": False, "foreach": False, "weight_decay": weight_decay}
    constants |= {"beta1": beta1, "beta2": beta2}
    torch_adamw([moved], [tensor(dw)], [mean], [square], [], [t], lr=eta, eps=eps, **constants)
    return moved.numpy(), arrays(mean, square, t)


def for_arrays(function: Optimiser, name: str) -> Optimiser:
    """An optimiser of tensors as one of arrays; w and dw stay as they are, and what comes back is a tensor like w."""

    def step(w: Array, dw: Array, state: Any, eta: float, **options: float) -> tuple[Array, Any]:
        __tracebackhide__ = True
        what, tensors = f"{name}(w, dw, state, eta)", {"w": tensor(w), "dw": tensor(dw)}
        with unchanged(what, **tensors):
            moved, state = unpack(function(*tensors.values(), state, eta, **options), ("w", "state"), what=what)
        assert_array(moved, shape=w.shape, dtype=tensors["w"].dtype, what=f"{what} → w")
        return arrays(moved)[0], state

    return step


def path(case: Descent, step: Rule, n_steps: int) -> list[Array]:
    """w after each of n_steps steps down the quadratic; `memory` is for the step to fill."""
    w, memory, found = case.w, Memory(), []
    for number in range(n_steps):
        w = step(w, case.gradient(w), number, memory)
        found.append(w)
    return found


def right_path(case: Descent, optimiser: Optimiser, n_steps: int, **options: float) -> list[Array]:
    """The same by one of our optimisers."""

    def step(w: Array, dw: Array, t: int, memory: Memory) -> Array:
        w, memory["state"] = optimiser(w, dw, memory.get("state"), case.eta, **options)
        return w

    return path(case, step, n_steps)


def check_path(
    function: Optimiser,
    name: str,
    case: Descent,
    optimiser: Optimiser,
    mistakes: Mapping[str, Rule] | None = None,
    *,
    rtol: float | None = None,
    n_steps: int = 10,
    **options: float,
) -> None:
    """A submitted optimiser takes the steps of one of ours down a quadratic; its state is its own all the way.

    Each step begins where the right path is, so what is asked does not depend on what was answered.

    Args:
        name: of the function, for messages.
        mistakes: what others would do, described to follow "w is …".
        options: constants that are not the default ones.
    """
    __tracebackhide__ = True
    expected = right_path(case, optimiser, n_steps, **options)
    wrong = {description: path(case, mistake, n_steps) for description, mistake in (mistakes or {}).items()}
    w, state, text = case.w, None, "".join(f", {key}={value}" for key, value in options.items())
    for t, right in enumerate(expected):
        call = f"{name}(w, dw, state, eta{text})"
        moved, state = unpack(function(w, case.gradient(w), state, case.eta, **options), ("w", "state"), what=call)
        related = {description: w + (steps[t] - (steps[t - 1] if t else w)) for description, steps in wrong.items()}
        what = f"w after step {t + 1} of {call}"
        assert_close(moved, right, what=what, given=case.given, related=related, rtol=rtol)
        w = right


def check_manners(function: Optimiser, name: str, case: Descent, optimiser: Optimiser, n_steps: int = 4) -> None:
    """float32 stays float32; w and dw stay as they are; two parameters in turn keep states of their own."""
    __tracebackhide__ = True
    cases = [case, replace(case, w=case.w[::-1].copy(), g=-case.g)]
    paths = [right_path(each.astype(np.float64), optimiser, n_steps) for each in cases]
    points, states = [each.w for each in cases], [None, None]
    for number in range(n_steps):
        for i, each in enumerate(cases):
            w, dw, what = points[i], each.gradient(points[i]), f"{name}(w, dw, state, eta)"
            with unchanged(what, w=w, dw=dw):
                moved, states[i] = unpack(function(w, dw, states[i], case.eta), ("w", "state"), what=what)
            right, what = paths[i][number], f"w after step {number + 1} of {what}, of two parameters in turn,"
            assert_close(moved, right, what=what, dtype=case.w.dtype)
            points[i] = right.astype(case.w.dtype)


def adam_rule(
    eta: float,
    *,
    first: int = 1,
    betas: tuple[float, float] = (0.9, 0.999),
    correct: tuple[bool, bool] = (True, True),
    clock: bool = True,
) -> Rule:
    """Adam with what may be wrong in it: the first t, the betas, which means are corrected, whether t moves on."""

    def step(w: Array, dw: Array, t: int, memory: Memory) -> Array:
        memory["m"] = betas[0] * memory.get("m", 0.0) + (1 - betas[0]) * dw
        memory["v"] = betas[1] * memory.get("v", 0.0) + (1 - betas[1]) * dw * dw
        bias = [
            1 - beta ** (t + first if clock else first) if wanted else 1.0
            for beta, wanted in zip(betas, correct, strict=True)
        ]
        with np.errstate(all="ignore"):
            return np.asarray(w - eta * (memory["m"] / bias[0]) / np.sqrt(memory["v"] / bias[1]))

    return step


def adam_mistakes(eta: float) -> dict[str, Rule]:
    """What common mistakes make of Adam, for `check_path`."""
    return {
        "what comes out without the bias corrections": adam_rule(eta, correct=(False, False)),
        "what comes out without the bias correction of m": adam_rule(eta, correct=(False, True)),
        "what comes out without the bias correction of v": adam_rule(eta, correct=(True, False)),
        "what comes out if t starts at 2: the first call has t = 1": adam_rule(eta, first=2),
        "what comes out if t stays 1 in the bias corrections": adam_rule(eta, clock=False),
        "what beta1 and beta2 in each other's place give": adam_rule(eta, betas=(0.999, 0.9)),
    }


def adamw_mistakes(eta: float, decay: float) -> dict[str, Rule]:
    """The same for AdamW; `decay` is its weight_decay, and not 0."""
    shrunk = 1 - eta * decay

    def decayed(rule: Rule, before: float = 1.0, after: float = 1.0, penalty: float = 0.0) -> Rule:
        return lambda w, dw, t, memory: after * rule(before * w, dw + penalty * w, t, memory)

    def adam() -> Rule:
        return adam_rule(eta)

    return {
        "what L2 regularisation gives: here the decay goes around Adam's scaling, it is no part of dw": decayed(
            adam(), penalty=decay
        ),
        "what comes out without the decay": adam(),
        "what comes out if w decays by weight_decay, not by eta * weight_decay": decayed(adam(), 1 - decay),
        "what comes out if w decays after Adam's step; it decays before": decayed(adam(), after=shrunk),
        "what comes out if w grows by eta * weight_decay: decay makes it smaller": decayed(adam(), 2 - shrunk),
        **{text: decayed(rule, shrunk) for text, rule in adam_mistakes(eta).items()},
    }
