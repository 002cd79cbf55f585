"""The example tape: what Hypothesis draws for each check of an assignment, and what the check then asks.

Every submission is graded on the same examples, so they are drawn once, and replayed. Drawing is most of what a check
costs otherwise. A failure goes back to Hypothesis, which looks for the smallest example that fails.

A tape is kept in a file of the grader's own user, under the assignment's version (see `grader.version`): when anything
changes that decides a score, there is no file, and the tape is made anew. It holds the secret examples of grading.
"""

from __future__ import annotations

import os
import pickle
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis.control import current_build_context
from hypothesis.database import choices_to_bytes
from hypothesis.strategies import DataObject

from grader.remote import Plan
from grader.verdict import Verdict

SUFFIX, LOCK = ".tape", ".lock"
KEPT = 10  # tapes in the folder; the oldest make room


class NotTaped(Exception):
    """Why a check cannot be taped, and runs the ordinary way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """What was drawn for one run of a check.

    Attributes:
        arguments: by name, pickled: each replay gets values of its own.
        choices: of which Hypothesis makes them, for its database; empty where it made none.
    """

    arguments: bytes
    choices: bytes

    def values(self) -> dict[str, Any]:
        values: dict[str, Any] = pickle.loads(self.arguments)
        return values


NO_ARGUMENTS = Example(arguments=pickle.dumps({}), choices=b"")


@dataclass(frozen=True, slots=True, kw_only=True)
class Taped:
    """One check on the tape.

    Attributes:
        examples: in order.
        plan: what the check asks of the submission, if that can be known before.
        verdicts: what decides each example, if that can be known before; empty if none can.
        reason: why there are no examples, or no plan; empty if there are.
    """

    examples: tuple[Example, ...] = ()
    plan: Plan | None = None
    verdicts: tuple[Verdict | None, ...] = ()
    reason: str = ""


@dataclass(kw_only=True)
class Tape:
    """The checks of an assignment, by the part of pytest's node id behind the file.

    Attributes:
        passed: digests of all answers to what a check asks, with which it has passed.
    """

    checks: dict[str, Taped] = field(default_factory=dict)
    passed: dict[str, set[bytes]] = field(default_factory=dict)


def draw(function: Any, given: Mapping[str, Any]) -> tuple[Example, ...]:
    """The examples that Hypothesis tries as long as all pass; those that the check rejects (`assume`) among them.

    Args:
        function: a test of Hypothesis, or a bound method, that is `configured`.
        given: the arguments that it gets otherwise, such as fixtures, for a submission that passes.

    Raises: NotTaped; what the check raises.
    """
    handle = getattr(function, "__func__", function).hypothesis
    inner, examples = handle.inner_test, list[Example]()
    own = getattr(function, "__self__", None)

    def keep(*args: Any, **kwargs: Any) -> None:
        drawn = {name: value for name, value in kwargs.items() if name not in given and value is not own}
        if any(isinstance(value, DataObject) for value in drawn.values()):
            raise NotTaped("it draws while it runs (st.data)")
        choices = choices_to_bytes(current_build_context().data.choices)
        try:
            made = Example(arguments=pickle.dumps(drawn, pickle.HIGHEST_PROTOCOL), choices=choices)
            made.values()
        except Exception as error:
            raise NotTaped(f"what it draws cannot be kept: {error}") from None
        examples.append(made)
        inner(*args, **kwargs)

    handle.inner_test = keep
    try:
        function(**given)
    finally:
        handle.inner_test = inner
    return tuple(examples)


def load(name: str) -> Tape | None:
    """The tape that was saved under a name, if there is one that can be read."""
    path = _folder() / f"{name}{SUFFIX}"
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_uid != os.getuid():
                return None
            tape = pickle.load(file)
        os.utime(path)
    except Exception:  # whatever is wrong with the file, a new tape can be made
        return None
    return tape if isinstance(tape, Tape) else None


@contextmanager
def alone(name: str) -> Iterator[None]:
    """Within: no other grader of this user makes the tape of this name."""
    with ExitStack() as stack:
        with suppress(OSError):
            folder = _folder()
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            from filelock import FileLock  # which a bare machine that only measures may lack

            stack.enter_context(FileLock(folder / f"{name}{LOCK}"))
        yield


def save(tape: Tape, name: str) -> None:
    """Save a tape; where that is not possible it lasts as long as this process."""
    folder = _folder()
    with suppress(OSError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file, _removed_on_error(file.name):
            pickle.dump(tape, file, pickle.HIGHEST_PROTOCOL)
            file.flush()
            os.replace(file.name, folder / f"{name}{SUFFIX}")
        tapes = sorted(folder.glob(f"*{SUFFIX}"), key=lambda path: path.stat().st_mtime)
        for old in tapes[:-KEPT]:
            old.unlink()
            old.with_suffix(LOCK).unlink(missing_ok=True)


@contextmanager
def _removed_on_error(path: str) -> Iterator[None]:
    try:
        yield
    except BaseException:
        os.unlink(path)
        raise


def cache() -> Path:
    """What the grader keeps between runs; only its owner may read there."""
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("GRADER_CACHE") or Path(caches) / "grader")


def _folder() -> Path:
    return cache() / "tapes"
