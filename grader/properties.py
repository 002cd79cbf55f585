"""Tests that a student wrote, tested: do they accept what is right, and reject what is wrong?

A student's function gets an implementation and raises an AssertionError if it finds it wrong. It is called with right
implementations and with mutants, in an order from which nothing can be learnt. The implementations stay on the checks'
side of the boundary; the student's code only gets to call them.
"""

from __future__ import annotations

import random
import traceback
from collections.abc import Callable, Mapping
from typing import Any

from grader.derandomised import derandomised
from grader.explain import Mismatch
from grader.feedback import example, raised_text
from grader.hypothesis_run import seed_of_check
from grader.model import Frame
from grader.remote import MissingName, SubmissionRaised
from grader.sandbox.foretold import unforetold

Implementation = Callable[..., Any]
Properties = Callable[[Implementation], object]
FAILED = frozenset({"Flaky", "FlakyFailure", "FlakyReplay", "ExceptionGroup"})  # what a failing test raises as well


class Misuse(Mismatch):
    """A student's test calls an implementation with what it does not take; raised by the implementation."""


def assert_tells(
    properties: Properties, *, right: Mapping[str, Implementation], wrong: Mapping[str, Implementation], what: str
) -> None:
    """`properties(implementation)` returns for all right implementations and fails for all wrong ones.

    Args:
        right: by what each does; the name follows "one that ". Made anew for each check, if they have a state.
        wrong: likewise.
        what: the student's function as the student knows it: "properties_of_softmax".

    Raises:
        Mismatch: also if the student's own code raises something else than an AssertionError.
    """
    __tracebackhide__ = True
    correct = {name: name in right for name in (*right, *wrong)}
    order = list(correct)[1:]  # the first right one comes first: whoever rejects it always hears of that
    random.Random(f"{seed_of_check()} {what} {order}").shuffle(order)  # nobody can tell them apart by counting calls
    survivors = []
    for name in (*list(correct)[:1], *order):
        implementation = unforetold(right[name] if correct[name] else wrong[name])  # calls end early when it is wrong
        failure = _failure(properties, implementation, f"one that {name}", what)
        if correct[name] and failure is not None:
            raise Mismatch(f"{what} rejects a right implementation, one that {name}.\n{_told(failure, properties)}")
        if not correct[name] and failure is None:
            survivors.append(name)
    if survivors:
        listed = "".join(f"\n  - one that {name}" for name in survivors)
        raise Mismatch(
            f"{what} lets {len(survivors)} of {len(wrong)} wrong implementations pass:{listed}\n"
            "What holds for every right one and not here? And do your tests draw inputs on which it shows?"
        )


def _failure(properties: Properties, implementation: Implementation, name: str, what: str) -> Exception | None:
    """What a failing test raised; None if all tests passed."""
    try:
        with derandomised():
            properties(implementation)
    except (Misuse, NotImplementedError, MissingName):
        raise
    except Exception as error:
        if _is_failure(error):
            return error
        if isinstance(error, SubmissionRaised) or _frames(error, properties):
            reason = "A test says that something is wrong by a failed assertion"
            raise Mismatch(
                f"{what} does not get to a verdict on {name}. {reason}.\n{_told(error, properties)}"
            ) from None
        raise
    return None


def _is_failure(error: Exception) -> bool:
    """Whether this is what a failing test raises; across the boundary only its name is left of Hypothesis' own."""
    kinds = {kind.__name__ for kind in type(error).__mro__} | {str(getattr(error, "type_name", ""))}
    return isinstance(error, AssertionError) or not FAILED.isdisjoint(kinds)


def _told(error: Exception, properties: Properties) -> str:
    """An exception of the student's tests, with the line that raised it, and the example."""
    return raised_text(error, _frames(error, properties)[-1:]) + example(error)


def _frames(error: Exception, properties: Properties) -> tuple[Frame, ...]:
    """The lines of the student's own code that it went through."""
    if isinstance(error, SubmissionRaised):
        return error.frames
    code = getattr(properties, "__code__", None)
    entries = traceback.extract_tb(error.__traceback__)
    found = [entry for entry in entries if code is not None and entry.filename == code.co_filename]
    return tuple(Frame("your file", entry.lineno or 0, entry.name, entry.line or "") for entry in found)
