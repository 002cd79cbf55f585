"""How Hypothesis runs the checks: the same examples every time, no files left behind, and verdicts that end it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from hypothesis import HealthCheck, Phase, core, settings

EXAMPLES = 20  # of a check that does not say itself how many; enough to kill every mutant, few enough to wait for


_seed = ContextVar("seed", default="")


def seed_of_check() -> str:
    """Decides all that is drawn for the check that runs now; secret when grading. Empty outside of checks."""
    return _seed.get()


@contextmanager
def configured(
    function: Any, name: str, seed: str, guard: Callable[[Callable[..., Any]], Callable[..., Any]]
) -> Iterator[None]:
    """Within: a test function of Hypothesis runs our way; any other function is left alone.

    Args:
        function: the test function, or a bound method.
        name: of the check; with `seed` it decides which examples are drawn.
        guard: wraps what runs one example. Its exceptions that are no `Exception` end the check at once.
    """
    token = _seed.set(f"{seed}\0{name}")
    try:
        with _set_up(function, guard):
            yield
    finally:
        _seed.reset(token)


@contextmanager
def _set_up(function: Any, guard: Callable[[Callable[..., Any]], Callable[..., Any]]) -> Iterator[None]:
    function = getattr(function, "__func__", function)
    handle = getattr(function, "hypothesis", None)
    if handle is None:
        yield
        return
    before = function._hypothesis_internal_use_settings, function._hypothesis_internal_use_seed, handle.inner_test
    number = int.from_bytes(hashlib.sha256(seed_of_check().encode()).digest()[:8], "big")
    function._hypothesis_internal_use_settings = settings(
        parent=before[0],
        max_examples=EXAMPLES
        if before[0].max_examples == settings.get_profile("default").max_examples
        else before[0].max_examples,
        database=None,
        deadline=None,
        derandomize=False,  # the seed below makes it deterministic
        print_blob=False,
        report_multiple_bugs=False,
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
        suppress_health_check=tuple(HealthCheck),
    )
    if before[1] is None and core.global_force_seed is None:  # @seed and --hypothesis-seed win
        function._hypothesis_internal_use_seed = number
    handle.inner_test = guard(handle.inner_test)
    try:
        yield
    finally:
        (
            function._hypothesis_internal_use_settings,
            function._hypothesis_internal_use_seed,
            handle.inner_test,
        ) = before
