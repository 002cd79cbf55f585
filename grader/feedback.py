"""From what a check raised to a status and the text that a student reads."""

from __future__ import annotations

import re
import traceback
from collections.abc import Collection

from grader.errors import NotStarted, SubmissionCrashed, SubmissionError, SubmissionGone, SubmissionTimeout
from grader.model import Frame, Status
from grader.remote import MissingName, SubmissionRaised
from grader.text import plain

MESSAGE = 4000
EXAMPLE = re.compile(r"Falsifying example: \w+\((.*)\)\s*\Z", re.DOTALL)


def judge(error: BaseException, files: Collection[str] = ()) -> tuple[Status, str]:
    """The status of a check that raised, and what to tell.

    Args:
        error: what came out of the check.
        files: what tracebacks call the student's files, when the submission runs in this process.

    A failed assertion, and whatever the submission raised, is the student's. Anything else is our own fault.
    """
    if isinstance(error, BaseExceptionGroup) and _flaky(error):
        told = judge(error.exceptions[0], files)[1] if error.exceptions else ""
        return Status.FAILED, f"The same input gave different results when it was tried again.\n{told}".rstrip()
    match error:
        case NotStarted():
            return Status.NOT_STARTED, str(error) or "not started"
        case SubmissionTimeout():
            return Status.TIMEOUT, _clean(f"Stopped: {error}. Is there a loop that never ends?")
        case SubmissionCrashed():
            return Status.CRASHED, _clean(f"{error}")
        case SubmissionGone():
            return Status.CRASHED, _clean(str(error))
        case MissingName() | SubmissionError():
            return Status.FAILED, _clean(str(error))
    frames = frames_of(error, files)
    if isinstance(error, SubmissionRaised) or (frames and not isinstance(error, AssertionError)):
        return Status.FAILED, _clean(raised_text(error, frames) + example(error))
    if isinstance(error, AssertionError):
        return Status.FAILED, _clean(str(error) + ("" if hasattr(error, "relation") else example(error)))
    if type(error).__name__ == "Failed":  # pytest.fail, and pytest.raises that saw nothing
        return Status.FAILED, _clean(str(error) + example(error))
    where = traceback.extract_tb(error.__traceback__)[-1:]
    place = f" ({where[0].filename}:{where[0].lineno})" if where else ""
    return Status.ERROR, _clean(
        f"The check itself failed, which is not your fault: {type(error).__name__}: {error}{place}"
    )


def not_started(error: BaseException, files: Collection[str] = ()) -> NotStarted | None:
    """The verdict on a stub's own exception: NotImplementedError without a word, raised by the student's file."""
    if not isinstance(error, NotImplementedError) or str(error):
        return None
    frames = frames_of(error, files)
    if not frames:
        return None
    return NotStarted(f"not started: {frames[-1].function} still raises NotImplementedError ({_place(frames[-1])})")


def frames_of(error: BaseException, files: Collection[str]) -> tuple[Frame, ...]:
    """The lines of the student's own code that a traceback went through."""
    if isinstance(error, SubmissionRaised):
        return error.frames
    found = [
        Frame(entry.filename.rpartition("/")[2], entry.lineno or 0, entry.name, entry.line or "")
        for entry in traceback.extract_tb(error.__traceback__)
        if entry.filename in files
    ]
    if isinstance(error, SyntaxError) and error.filename in files:
        found.append(Frame(str(error.filename).rpartition("/")[2], error.lineno or 0, "", (error.text or "").rstrip()))
    return tuple(found)


def raised_text(error: BaseException, frames: tuple[Frame, ...]) -> str:
    """An exception in the student's code, with the lines that led to it, innermost last."""
    name = error.type_name if isinstance(error, SubmissionRaised) else type(error).__name__
    message = error.msg if isinstance(error, SyntaxError) and not isinstance(error, SubmissionRaised) else str(error)
    inside = f"{frames[-1].function} raised " if frames and frames[-1].function not in ("", "<module>") else ""
    lines = [f"{inside}{name}: {message}" if message else f"{inside}{name}"]
    if name == "ModuleNotFoundError":
        lines.append("This package is not available when your work is graded: do without it.")
    for frame in frames[-4:]:
        lines.append(
            f"  {_place(frame)}" + (f", in {frame.function}" if frame.function not in ("", "<module>") else "")
        )
        lines.append(f"      {frame.code.strip()}")
    return "\n".join(lines)


def example(error: BaseException) -> str:
    """The smallest example that Hypothesis found, as one line; empty if there was none."""
    for note in getattr(error, "__notes__", ()):
        if found := EXAMPLE.search(note):
            parts = [line.strip().rstrip(",") for line in found[1].split("\n")]
            shown = ", ".join(part for part in parts if part and not part.startswith(("hw=", "self=", "#")))
            if shown:
                return f"\nSmallest example found: {shown}"
    return ""


def _flaky(error: BaseException) -> bool:
    return any(kind.__name__ in ("Flaky", "FlakyFailure") for kind in type(error).__mro__)


def _place(frame: Frame) -> str:
    return f"{frame.filename}, line {frame.line}"


def _clean(text: str) -> str:
    return plain(text, MESSAGE, lines=True)
