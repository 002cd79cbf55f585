"""Exceptions of the submission, as the checks meet them."""

from __future__ import annotations

import builtins
import difflib
import errno
from collections.abc import Sequence
from typing import Any

from grader.errors import SubmissionCrashed, SubmissionGone, SubmissionTimeout, WireError
from grader.model import Frame, Limits
from grader.sandbox.channel import Closed
from grader.sandbox.process import OUT_OF_TIME, Process
from grader.text import plain
from grader.wire import TooLarge


class SubmissionRaised(Exception):
    """An exception that the submission raised; concrete instances are of the same built-in type, too."""

    type_name: str = "Exception"
    message: str = ""
    frames: tuple[Frame, ...] = ()

    def __str__(self) -> str:
        return self.message


class MissingName(AttributeError):
    """The submission does not define a name that a check asks for."""


FULL = tuple(f"[Errno {number}]" for number in (errno.EFBIG, errno.ENOSPC, errno.EDQUOT))
BASES, FRAMES = 8, 12  # that are kept
_RAISED: dict[str, type[SubmissionRaised]] = {}


def raised(bases: list[str], message: str, frames: tuple[Frame, ...]) -> SubmissionRaised:
    """An exception that stands for one of the submission, as the nearest built-in type of which it is one."""
    kind: Any = Exception
    for base in [*bases, "Exception"]:
        kind = getattr(builtins, base, None)
        if isinstance(kind, type) and issubclass(kind, Exception) and not issubclass(kind, ExceptionGroup):
            break
    name = kind.__name__
    if name not in _RAISED:
        # Kept, so that Hypothesis sees the same error as the same.
        _RAISED[name] = type(name, (SubmissionRaised, kind), {"__init__": lambda self: Exception.__init__(self)})
    error = _RAISED[name]()
    error.type_name = plain(bases[0] if bases else "Exception", 80)
    error.message, error.frames = message, frames
    return error


def described(description: Any) -> SubmissionRaised:
    """The exception that the worker describes.

    Raises: WireError, if that is no description.
    """
    match description:
        case (list(bases), str(message), list(frames)) if all(type(base) is str for base in bases):
            return raised(bases[:BASES], message, tuple(_frame(frame) for frame in frames[-FRAMES:]))
    raise WireError("an exception is malformed")


def name_limit(error: SubmissionRaised, limits: Limits) -> None:
    """Let an exception that a limit caused say which, before its own words."""
    if isinstance(error, MemoryError):
        limit = f"used more than {limits.memory_mb:g} MiB of memory"
    elif isinstance(error, OSError) and error.message.startswith(FULL):
        limit = f"kept more than {limits.scratch_mb:g} MiB in files"
    else:
        return
    error.message = f"{limit} ({error.message})" if error.message else limit


def _frame(frame: Any) -> Frame:
    match frame:
        case (str(filename), int(line), str(function), str(code)):
            return Frame(plain(filename), line, plain(function), plain(code))
    raise WireError("a traceback is malformed")


def missing(module: str, name: str, defined: list[str], failures: Sequence[BaseException]) -> BaseException:
    """The error for a name that a module does not define: why it failed to load, or what is near it."""
    if failures:
        return failures[0].with_traceback(None)
    near = difflib.get_close_matches(name, defined, n=1)
    hint = f" It defines {plain(near[0])!r}: is that a misspelling?" if near else ""
    return MissingName(f"{module} does not define {name!r}.{hint}")


def gone(error: Exception, name: str | None, seconds: float, process: Process, limits: Limits) -> SubmissionGone:
    """What it means for a check that a call ended so, and not with an answer.

    Args:
        error: TimeoutError, Closed or WireError.
        name: of the function that was called; None if it was something else.
        seconds: that it was allowed.
        process: which held the submission.
    """
    match error:
        case TimeoutError():
            return SubmissionTimeout(f"{name or 'it'} did not return within {seconds:g} s")
        case Closed():
            ended = process.exit_text() or "it closed the connection"
            if ended.endswith(OUT_OF_TIME):
                return SubmissionTimeout(f"your code used more than {limits.cpu_seconds:g} s of computing in all")
            return SubmissionCrashed(f"your code ended its own process ({ended})")
        case TooLarge():
            return SubmissionCrashed(f"{name or 'it'} returned more than {limits.answer_mb:g} MiB")
    return SubmissionCrashed(f"the process of your code sent an answer that cannot be read: {plain(str(error))}")
