"""What a submitted `train` of assignment 5 has read and learnt, from the history that it returns."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np

from grader.explain import assert_array, assert_close, assert_dict, numbers, unpack
from grader.oracles.recurrent import NAMES, trained
from grader.oracles.tensors import Array
from grader.strategies import Lesson

Order = tuple[str, ...]
CALL = "train(text, params, seq_length, n_updates, eta, rng, log_every)"


def taught(
    hw: Any, lesson: Lesson, n_updates: int, eta: float, log_every: int = 100, seed: int = 0
) -> tuple[dict[str, Any], dict[str, Any]]:
    """(new params, history) of a submission, keys, shapes and lengths checked; losses as vectors."""
    __tracebackhide__ = True
    rng = np.random.default_rng(seed)
    result = hw.train(lesson.text, lesson.params, lesson.seq_length, n_updates, eta, rng, log_every)
    params, history = unpack(result, ("params", "history"), what=CALL)
    assert_dict(params, NAMES, what=f"{CALL} → params", exactly=True)
    for name, array in lesson.params.items():
        assert_array(params[name], shape=array.shape, dtype=array.dtype, what=f"{CALL} → params[{name!r}]")
    told = dict(assert_dict(history, ("loss", "smooth_loss", "samples"), what=f"{CALL} → history"))
    for name in ("loss", "smooth_loss"):
        told[name] = numbers(told[name], what=f"history[{name!r}]", length=n_updates)
    return params, told


def check_losses(
    found: Array, lesson: Lesson, eta: float, mistakes: Mapping[str, Mapping[str, Any]], *, rtol: float
) -> Order:
    """The losses are right for some order of the characters, which is the submission's own choice; returns it.

    Args:
        mistakes: what others would do, described to follow "history['loss'] is …", as options of `trained`.
    """
    __tracebackhide__ = True
    orders = list(itertools.permutations(dict.fromkeys(lesson.text)))  # first that of `build_vocab`

    def losses(order: Order, options: Mapping[str, Any]) -> Array:
        return np.array(trained(lesson.text, lesson.params, lesson.seq_length, found.size, eta, order, **options)[1])

    tried: dict[Order, Array] = {}
    for order in orders:
        tried[order] = losses(order, {})
        if np.allclose(found, tried[order], rtol=rtol):
            return order
    near, related = min(orders, key=lambda order: float(np.abs(found - tried[order]).max())), {}
    for text, options in mistakes.items():
        for order in orders:
            if np.allclose(found, wrong := losses(order, options), rtol=rtol):
                related[text], near = wrong, order
    what = "train(…) → history['loss']"
    assert_close(found, tried[near], what=what, given=lesson.given | {"eta": eta}, related=related, rtol=rtol)
    return near
