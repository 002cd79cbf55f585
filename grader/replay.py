"""Runs one check: on the examples of the tape where there is one, and as Hypothesis would where there is none."""

from __future__ import annotations

import inspect
import time
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from types import CodeType
from typing import Any, Protocol

from hypothesis import Phase, settings
from hypothesis.control import current_build_context
from hypothesis.database import InMemoryExampleDatabase, choices_to_bytes
from hypothesis.errors import FlakyFailure, HypothesisDeprecationWarning, UnsatisfiedAssumption

from grader.remote import Answer, Concealer, Diverged, Kind, Plan, Recorder
from grader.tape import NO_ARGUMENTS, Example, NotTaped, Tape, Taped, draw
from grader.verdict import Steps, Verdict, followed, verdict

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
    def answers(self, number: int) -> list[Answer] | None: ...
    def skip(self, number: int) -> None: ...
    def abandon(self) -> None: ...
    def example(self, number: int) -> None: ...
    def in_step(self) -> bool: ...
    def anew(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Seen:
    """What a check does with the reference: its requests, its steps in each example, and the kinds of all answers."""

    plan: Plan
    steps: Sequence[Steps]
    kinds: Sequence[Kind | None]


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
    recorder, steps = Recorder(), list[Steps]()
    with _noted(subject, recorder):
        failing = _run(function, given, examples, subject, around=lambda: _kept(steps, followed(_file(function))))
    if failing is not None:
        tape.checks[name] = Taped(reason=FAILS)
        function(**given)
        return
    plan = recorder.plan()
    tape.checks[name] = Taped(examples=examples, plan=plan, reason=recorder.reason)
    if plan is None:
        return
    verdicts = _verdicts(function, given, examples, subject, Seen(plan, steps, recorder.kinds))
    if play(tape, name, function, given, subject):
        tape.checks[name] = Taped(examples=examples, plan=plan, verdicts=verdicts)
    else:
        tape.checks[name] = Taped(examples=examples, reason=OTHERWISE)


def _verdicts(
    function: Any,
    given: Mapping[str, Any],
    examples: tuple[Example, ...],
    subject: Subject,
    seen: Seen,
) -> tuple[Verdict | None, ...]:
    """What decides each example, by what the check does when the answers are concealed from it."""
    concealer, found = Concealer(seen.plan), list[Verdict | None]()

    @contextmanager
    def concealed() -> Iterator[None]:
        with followed(_file(function), concealed=True) as steps:
            yield
        number = len(found)
        requests = seen.plan.requests(number)
        kinds = seen.kinds[requests]
        same = concealer.same() and concealer.kinds[requests.start :] == kinds
        found.append(verdict(seen.steps[number], steps, kinds) if same else None)

    with _noted(subject, concealer):
        _run(function, given, examples, subject, around=concealed)
    return tuple(found) if any(found) else ()


def play(tape: Tape, name: str, function: Any, given: Mapping[str, Any], subject: Subject) -> bool:
    """Run a check on its examples.

    Answers that are, bit for bit, those of a run that passed need not be looked at again: what a check makes of them
    depends on nothing else. Of others, the examples whose verdict is that they pass (`grader.verdict`) are left out.

    Returns:
        Whether it passed. If not, nothing is known yet: it must be run the ordinary way.

    Raises: what the check raises; FlakyFailure, if it fails once and then no more.
    """
    taped = tape.checks.get(name)
    if taped is None or not taped.examples:
        return False
    passed, transcript, decided = tape.passed.setdefault(name, set()), b"", frozenset[int]()
    if taped.plan is not None:
        subject.expect(taped.plan)
        transcript = subject.transcript()
        if transcript not in passed:
            decided = _decided(taped, taped.plan, subject)
        if transcript in passed or len(decided) == len(taped.examples):
            subject.abandon()
            _keep(passed, transcript)
            return True
    try:
        failing = _run(function, given, taped.examples, subject, decided)
        if failing is None and not subject.in_step():
            raise Diverged  # and the check has swallowed it
    except Diverged:
        subject.anew()
        return False
    if failing is None:
        _keep(passed, transcript)
        return True
    subject.abandon()
    example, error = failing
    if example.choices:
        with _starting_from(function, example):
            function(**given)
    else:
        function(**given)
    raise FlakyFailure("the check failed, and then it did not", [error])


def _decided(taped: Taped, plan: Plan, subject: Subject) -> frozenset[int]:
    """The examples that are known to be passed, and can be left out."""
    found = set()
    for number, one in enumerate(taped.verdicts):
        if one is not None and (answers := subject.answers(number)) is not None and one.passes(answers):
            found.add(number)
        elif plan.numbered:  # by all examples: none can be left out
            return frozenset()
    return frozenset(found)


def _keep(passed: set[bytes], transcript: bytes) -> None:
    if transcript and len(passed) < TRANSCRIPTS:
        passed.add(transcript)


def is_drawn(function: Any) -> bool:
    """Whether Hypothesis draws arguments for a test."""
    return hasattr(function, "hypothesis")


def _run(
    function: Any,
    given: Mapping[str, Any],
    examples: tuple[Example, ...],
    subject: Subject,
    decided: Collection[int] = (),
    around: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> tuple[Example, Exception] | None:
    """Run a check on examples, up to the first that fails, which is returned with its error.

    Args:
        decided: examples that are left out.
        around: each of the others runs within a context of its own.
    """
    own = (function.__self__,) if hasattr(function, "__self__") else ()
    bare = getattr(function, "__func__", function)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HypothesisDeprecationWarning)  # `assume` is meant to be called by Hypothesis
        for number, example in enumerate(examples):
            if number in decided:
                subject.skip(number)
                continue
            subject.example(number)
            test = bare.hypothesis.inner_test if is_drawn(bare) else bare
            try:
                with around():
                    test(*own, **given, **example.values())
            except UnsatisfiedAssumption:
                continue
            except Exception as error:
                return example, error
    return None


def _file(function: Any) -> str:
    """Where a check is written."""
    bare = getattr(function, "__func__", function)
    code: CodeType = inspect.unwrap(bare.hypothesis.inner_test if is_drawn(bare) else bare).__code__
    return code.co_filename


@contextmanager
def _noted(subject: Subject, recorder: Recorder) -> Iterator[None]:
    """Within: requests are noted there."""
    subject.note(recorder)
    try:
        yield
    finally:
        subject.note(None)


@contextmanager
def _kept(all_steps: list[Steps], following: AbstractContextManager[Steps]) -> Iterator[None]:
    """Within: as within `following`; what it yields is kept."""
    with following as steps:
        all_steps.append(steps)
        yield


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
