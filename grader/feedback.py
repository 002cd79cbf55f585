"""From what a check raised to a status and the text that a student reads."""

from __future__ import annotations

import os
import re
import traceback
from collections.abc import Collection, Mapping
from types import MappingProxyType

from grader.errors import NotStarted, SandboxError, SubmissionError, SubmissionGone, SubmissionTimeout
from grader.model import Frame, Status, name_of
from grader.remote import MissingName, SubmissionRaised, call
from grader.text import plain

NONE: Mapping[str, str] = MappingProxyType({})
MESSAGE = 4000
EXAMPLE_LENGTH = 400
OUTSIDE = ("", "<module>")  # the "functions" of code that is only loaded
EXAMPLE = re.compile(r"(?:Falsifying example|Failing test case): \w+\((.*)\)\s*\Z", re.DOTALL)
TIMED_OUT = re.compile(r"Timeout \(>([\d.]+)s\)")  # how pytest-timeout's message begins
SIGNATURE = re.compile(r"([A-Za-z_]\w*)[\w.<>]*\(\) (?:takes|missing|got) ")  # Python, on a call that fits no signature
NOT_CALLABLE = re.compile(r"'[\w.]+' object is not callable\Z")


def judge(error: BaseException, files: Mapping[str, str] = NONE, names: Collection[str] = ()) -> tuple[Status, str]:
    """The status of a check that raised, and what to tell.

    Args:
        error: what came out of the check.
        files: what tracebacks call the student's files, and what to call them; for a submission in this process.
        names: what the student's module defines, likewise.

    A failed assertion, and whatever the submission raised, is the student's. Anything else is our own fault.
    """
    error = not_started(error, files) or timed_out(error, files) or error
    if _flaky(error):
        told = judge(error.exceptions[0], files, names)[1] if isinstance(error, BaseExceptionGroup) else ""
        return Status.FAILED, f"The same input gave different results when it was tried again.\n{told}".rstrip()
    match error:
        case NotStarted():
            return Status.NOT_STARTED, str(error) or "not started"
        case SubmissionTimeout():
            what, *frames_text = str(error).split("\n")
            return Status.TIMEOUT, _clean(
                "\n".join([f"Stopped: {what}. Is there a loop that never ends?", *frames_text])
            )
        case SubmissionGone():
            return Status.CRASHED, _clean(str(error))
        case MissingName() | SubmissionError():
            return Status.FAILED, _clean(str(error))
        case SandboxError():
            return Status.ERROR, _clean(f"Your code was not run, which is not your fault: {error}")
    frames = frames_of(error, files)
    if said := _wrong_call(error, frames, names):
        return Status.FAILED, _clean(said + example(error))
    if isinstance(error, SubmissionRaised) or (
        frames and (not isinstance(error, AssertionError) or _last(error, files))
    ):
        loading = bool(frames) and frames[-1].function in OUTSIDE
        return Status.FAILED, _clean(raised_text(error, frames) + ("" if loading else example(error)))
    if isinstance(error, AssertionError):
        return Status.FAILED, _clean(str(error) + ("" if hasattr(error, "relation") else example(error)))
    if type(error).__name__ == "Failed":  # pytest.fail, and pytest.raises that saw nothing
        return Status.FAILED, _clean(str(error) + example(error))
    entries = traceback.extract_tb(error.__traceback__)
    if any(entry.name == "_call_back" and entry.filename == call.__file__ for entry in entries):
        text = f"Your code called a function that the check passed in, which raised {type(error).__name__}: {error}"
        return Status.FAILED, _clean(text + example(error))
    place = f" ({os.path.basename(entries[-1].filename)}, line {entries[-1].lineno})" if entries else ""
    return Status.ERROR, _clean(
        f"The check itself failed, which is not your fault: {type(error).__name__}: {error}{place}"
    )


def not_started(error: BaseException, files: Mapping[str, str] = NONE) -> NotStarted | None:
    """The verdict on a stub's own exception: NotImplementedError without a word, raised by the student's file."""
    if isinstance(error, NotStarted):
        return error
    if not isinstance(error, NotImplementedError) or str(error):
        return None
    frames = frames_of(error, files)
    if not frames:
        return None
    return NotStarted(f"not started: {frames[-1].function} still raises NotImplementedError ({_place(frames[-1])})")


def timed_out(error: BaseException, files: Mapping[str, str] = NONE) -> SubmissionTimeout | None:
    """The verdict on what pytest-timeout raised, with the line that was running in the student's files."""
    found = TIMED_OUT.match(str(error)) if type(error).__name__ == "Failed" else None
    if found is None:
        return None
    where = "\n".join(_shown(frames_of(error, files)[-1:]))
    return SubmissionTimeout(f"not done after {float(found[1]):g} s" + (f"\n{where}" if where else ""))


def frames_of(error: BaseException, files: Mapping[str, str]) -> tuple[Frame, ...]:
    """The lines of the student's own code that a traceback went through."""
    if isinstance(error, SubmissionRaised):
        return error.frames
    found = [
        Frame(files[entry.filename], entry.lineno or 0, name_of(frame.f_code), entry.line or "")
        for (frame, _), entry in zip(
            traceback.walk_tb(error.__traceback__), traceback.extract_tb(error.__traceback__), strict=True
        )
        if entry.filename in files
    ]
    if isinstance(error, SyntaxError) and (name := files.get(error.filename or "")):
        found.append(Frame(name, error.lineno or 0, "", (error.text or "").rstrip()))
    return tuple(found)


def raised_text(error: BaseException, frames: tuple[Frame, ...]) -> str:
    """An exception in the student's code, with the lines that led to it, innermost last."""
    name = error.type_name if isinstance(error, SubmissionRaised) else type(error).__name__
    message = error.msg if isinstance(error, SyntaxError) and not isinstance(error, SubmissionRaised) else str(error)
    inside = f"{frames[-1].function} raised " if frames and frames[-1].function not in OUTSIDE else ""
    lines = [f"{inside}{name}: {message}" if message else f"{inside}{name}"]
    if name == "ModuleNotFoundError":
        lines.append("This package is not available when your work is graded: do without it.")
    return "\n".join(lines + _shown(frames[-4:]))


def _shown(frames: Collection[Frame]) -> list[str]:
    lines = []
    for frame in frames:
        inside = f", in {frame.function}" if frame.function not in OUTSIDE else ""
        lines += [f"  {_place(frame)}{inside}", f"      {frame.code.strip()}"]
    return lines


def example(error: BaseException) -> str:
    """The smallest example that Hypothesis found, as one line; empty if there was none."""
    for note in getattr(error, "__notes__", ()):
        if found := EXAMPLE.search(note):
            parts = [line.strip() for line in found[1].split("\n")]
            shown = " ".join(part for part in parts if part and not part.startswith(("hw=", "self=", "#")))
            shown = re.sub(r",? ?([)\]}])", r"\1", re.sub(r"([(\[{]) ", r"\1", shown)).removesuffix(",")
            if shown:
                return f"\nSmallest example found: {plain(shown, EXAMPLE_LENGTH)}"
    return ""


def _wrong_call(error: BaseException, frames: Collection[Frame], names: Collection[str]) -> str:
    """What to say of a call from a check that the submission's function did not take; empty if it is something else."""
    if not isinstance(error, TypeError) or frames:
        return ""
    called = SIGNATURE.match(str(error))
    if called and (isinstance(error, SubmissionRaised) or called[1] in names):
        return f"{called[1]} cannot be called as the handout says: {error}."
    if NOT_CALLABLE.match(str(error)) and not isinstance(error, SubmissionRaised):
        return f"The check called what should be a function or class of yours: {error}."
    return ""


def _last(error: BaseException, files: Mapping[str, str]) -> bool:
    """Whether the student's own line raised it."""
    entries = traceback.extract_tb(error.__traceback__)
    return bool(entries) and entries[-1].filename in files


def _flaky(error: BaseException) -> bool:
    return any(kind.__name__ in ("Flaky", "FlakyFailure") for kind in type(error).__mro__)


def _place(frame: Frame) -> str:
    return f"{frame.filename}, line {frame.line}"


def _clean(text: str) -> str:
    return plain(text, MESSAGE, lines=True)
