"""Names a mistake: does the submission answer just as one of the assignment's mutants does?

The calls of a failed check are kept as they went over the boundary. They are repeated on the mutants of the task and
on the reference, here, in our own code. Where exactly one mutant gives the submission's answers every time, and the
reference does not, that mutant's hint is what the student needs to read.
"""

from __future__ import annotations

import contextlib
import types
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from grader.assignment import load_mutants
from grader.errors import WireError
from grader.local import Local
from grader.model import Assignment, CheckResult, Mutant
from grader.remote import RecordedCall, RemoteObject, Session

RTOL = 1e-6


class Mistakes:
    """The known mistakes of an assignment; `name` is the hook that adds a hint to a failed check.

    Raises: CourseError, SourceError, if they cannot be read.
    """

    def __init__(self, assignment: Assignment) -> None:
        self._assignment = assignment
        self._mutants = mutants_of(assignment)

    def name(self, submission: Session | Local, result: CheckResult) -> CheckResult:
        """The result, with the hint of the one mutant that behaves as this submission does, if there is one."""
        if not isinstance(submission, Session):
            return result
        mutants = [mutant for mutant in self._mutants if mutant.task == result.check.task]
        calls = submission.recorded()
        if not mutants or not calls:
            return result
        module = submission.name
        reference = _load(module, self._assignment.reference(module).read_text("utf-8"))
        right = [_repeat(reference, call, submission.stand_ins) for call in calls]
        telling = [call for call, answer in zip(calls, right, strict=True) if not agree(call.value, answer)]
        same = [mutant for mutant in mutants if telling and self._answers_so(mutant, calls, submission)]
        if len(same) != 1:
            return result
        return replace(result, hint=same[0].hint)

    @staticmethod
    def _answers_so(mutant: Mutant, calls: Iterable[RecordedCall], submission: Session) -> bool:
        module = _load(mutant.module, mutant.source)
        return all(agree(call.value, _repeat(module, call, submission.stand_ins)) for call in calls)


@lru_cache(maxsize=8)
def mutants_of(assignment: Assignment) -> tuple[Mutant, ...]:
    """The mutants of an assignment, read once."""
    return tuple(load_mutants(assignment))


@lru_cache(maxsize=256)
def _load(name: str, source: str) -> types.ModuleType:
    """A module of our own; one that fails has the names that it had defined by then, as a submission would."""
    module = types.ModuleType(name)
    with contextlib.suppress(Exception):
        exec(compile(source, f"<{name}>", "exec"), module.__dict__)
    return module


def _repeat(module: types.ModuleType, call: RecordedCall, stand_ins: dict[str, Callable[..., Any]]) -> Any:
    before = {name: module.__dict__.get(name) for name in stand_ins}
    module.__dict__.update(stand_ins)
    try:
        args, kwargs = call.arguments()
        with np.errstate(all="ignore"):
            return getattr(module, call.name)(*args, **kwargs)
    except WireError:
        return NotImplemented
    except Exception as error:
        return type(error)
    finally:
        module.__dict__.update(before)


def agree(one: Any, other: Any) -> bool:
    """Whether two answers are the same: type by type, numbers up to a relative error of 1e-6, an error by its type."""
    if isinstance(one, type) or isinstance(other, type):
        return isinstance(one, type) and isinstance(other, type) and (issubclass(one, other) or issubclass(other, one))
    if isinstance(one, RemoteObject) or one is NotImplemented or other is NotImplemented:
        return False
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(agree(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(agree(one[key], other[key]) for key in one)
    if isinstance(one, str | bytes | None) or isinstance(other, str | bytes | None):
        return type(one) is type(other) and bool(one == other)
    if hasattr(one, "detach") != hasattr(other, "detach"):
        return False
    try:
        a, b = _array(one), _array(other)
        if a.shape != b.shape or a.dtype != b.dtype:
            return False
        return bool(np.allclose(a, b, rtol=RTOL, atol=1e-12, equal_nan=True))
    except (TypeError, ValueError):
        return False


def _array(value: Any) -> Any:
    """A number, array or tensor as an array."""
    if not hasattr(value, "detach"):
        return np.asarray(value)
    value = value.detach().cpu()
    return np.asarray(value.float() if value.dtype.is_floating_point and value.dtype.itemsize < 4 else value)
