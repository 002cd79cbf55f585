"""Hypothesis as it runs inside submissions: a student's own property tests give the same verdict every time.

Examples are a function of the test's source alone, there are few of them, nothing is written, nothing is timed, and the
first failure ends a test: each example may be a call across the process boundary. A test may still choose its own
`max_examples`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

PROFILE = "homework"
EXAMPLES = 25  # of a test, for each implementation


def derandomise() -> None:
    """From here on, tests in this process run so. Called in processes that hold submissions, before they are loaded."""
    from hypothesis import HealthCheck, Phase, settings
    from hypothesis.internal.conjecture import providers
    from hypothesis.internal.constants_ast import Constants

    settings.register_profile(
        PROFILE,
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        print_blob=False,
        report_multiple_bugs=False,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=tuple(HealthCheck),
    )
    settings.load_profile(PROFILE)
    # Otherwise draws depend on the constants in the source files of whatever is loaded, which it would read and cache.
    providers._get_local_constants = Constants
    providers.CONSTANTS_CACHE.cache.clear()


@contextmanager
def derandomised() -> Iterator[None]:
    """Within: the same, in a process that runs other tests, too."""
    from hypothesis import settings
    from hypothesis.internal.conjecture import providers

    before, constants = settings.get_current_profile_name(), providers._get_local_constants
    derandomise()
    try:
        yield
    finally:
        settings.load_profile(before)
        providers._get_local_constants = constants
        providers.CONSTANTS_CACHE.cache.clear()
