"""Runs one check: on the examples of the tape where there is one, and as Hypothesis would where there is none."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from hypothesis import Phase, settings
from hypothesis.control import current_build_context
from hypothesis.database import InMemoryExampleDatabase, choices_to_bytes
from hypothesis.errors import FlakyFailure, HypothesisDeprecationWarning, UnsatisfiedAssumption

from grader.remote import Diverged, Plan, Recorder
from grader.tape import NO_ARGUMENTS, Example, NotTaped, Tape, Taped, draw

TRANSCRIPTS = 500  # of a check that are kept
SHRINKING = 5.0  # seconds in which the smallest example that fails is looked for
FAILS = "the reference fails"
OTHERWISE = "the check asks the reference something else the second time"


class Subject(Protocol):
    """A submission that checks are about: `Session` or `Local`."""

    def begin(self) -> None: ...
    def note(self, recorder: Recorder | None) -> None: ...
    def expect(self, plan: Plan) -> None: ...
    def transcript(self) -> bytes: ...
    def abandon(self) -> None: ...
    def example(self, number: int) -> None: ...
    def in_step(self) -> bool: ...
    def anew(self) -> None: ...


def record(tape: Tape, name: str, function: Any, given: Mapping[str, Any], subject: Subject) -> None:
    """Put a check on the tape, and run it.

    Args:
        name: of the check.
        function: the test function, or a bound method.
        given: what it gets besides what is drawn.
        subject: a submission that passes: the reference.

    Raises: what the check raises.
    """
    try:
        examples = draw(function, given) if is_drawn(function) else (NO_ARGUMENTS,)
    except NotTaped as reason:
        tape.checks[name] = Taped(reason=str(reason))
        function(**given)
        return
    except Exception:
        tape.checks[name] = Taped(reason=FAILS)
        raise
    recorder = Recorder()
    subject.note(recorder)
    try:
        failing = _run(function, given, examples, subject)
    finally:
        subject.note(None)
    if failing is not None:
        tape.checks[name] = Taped(reason=FAILS)
        function(**given)
        return
    tape.checks[name] = Taped(examples=examples, plan=recorder.plan(), reason=recorder.reason)
    if tape.checks[name].plan is not None and not play(tape, name, function, given, subject):
        tape.checks[name] = Taped(examples=examples, reason=OTHERWISE)


def play(tape: Tape, name: str, function: Any, given: Mapping[str, Any], subject: Subject) -> bool:
    """Run a check on its examples.

    Answers that are, bit for bit, those of a run that passed need not be looked at again: what a check makes of them
    depends on nothing else.

    Returns:
        Whether it passed. If not, nothing is known yet: it must be run the ordinary way.

    Raises: what the check raises; FlakyFailure, if it fails once and then no more.
    """
    taped = tape.checks.get(name)
    if taped is None or not taped.examples:
        return False
    passed, transcript = tape.passed.setdefault(name, set()), b""
    if taped.plan is not None:
        subject.expect(taped.plan)
        transcript = subject.transcript()
        if transcript in passed:
            subject.abandon()
            return True
    try:
        failing = _run(function, given, taped.examples, subject)
        if failing is None and not subject.in_step():
            raise Diverged  # and the check has swallowed it
    except Diverged:
        subject.anew()
        return False
    if failing is None:
        if transcript and len(passed) < TRANSCRIPTS:
            passed.add(transcript)
        return True
    subject.abandon()
    example, error = failing
    if example.choices:
        with _starting_from(function, example):
            function(**given)
    else:
        function(**given)
    raise FlakyFailure("the check failed, and then it did not", [error])


def is_drawn(function: Any) -> bool:
    """Whether Hypothesis draws arguments for a test."""
    return hasattr(function, "hypothesis")


def _run(
    function: Any, given: Mapping[str, Any], examples: tuple[Example, ...], subject: Subject
) -> tuple[Example, Exception] | None:
    """Run a check on examples, up to the first that fails, which is returned with its error."""
    own = (function.__self__,) if hasattr(function, "__self__") else ()
    bare = getattr(function, "__func__", function)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HypothesisDeprecationWarning)  # `assume` is meant to be called by Hypothesis
        for number, example in enumerate(examples):
            subject.example(number)
            test = bare.hypothesis.inner_test if is_drawn(bare) else bare
            try:
                test(*own, **given, **example.values())
            except UnsatisfiedAssumption:
                continue
            except Exception as error:
                return example, error
    return None


@contextmanager
def _starting_from(function: Any, example: Example) -> Iterator[None]:
    """Within: Hypothesis begins with this example, and only looks for smaller ones that fail as well."""
    function = getattr(function, "__func__", function)
    handle = function.hypothesis
    before, inner = function._hypothesis_internal_use_settings, handle.inner_test
    database, key = InMemoryExampleDatabase(), b"failed"
    database.save(key + b".secondary", example.choices)  # what lies under the key itself counts as the smallest already
    function._hypothesis_internal_use_settings = settings(
        parent=before, database=database, phases=(Phase.reuse, Phase.shrink)
    )
    function._hypothesis_internal_database_key = key
    handle.inner_test = _in_time(inner)
    try:
        yield
    finally:
        function._hypothesis_internal_use_settings, handle.inner_test = before, inner
        del function._hypothesis_internal_database_key


def _in_time(test: Callable[..., Any]) -> Callable[..., Any]:
    """After a while only what has failed before is run; anything else counts as passed."""
    until, failed = time.monotonic() + SHRINKING, set[bytes]()

    def timed(*args: Any, **kwargs: Any) -> None:
        choices = choices_to_bytes(current_build_context().data.choices)
        if failed and time.monotonic() > until and choices not in failed:
            return
        try:
            test(*args, **kwargs)
        except Exception:
            failed.add(choices)
            raise

    return timed
