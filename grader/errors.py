"""Every exception of the grader.

GraderError                    something a person can mend; its text says how (instructor, author or student)
├── SourceError                the one source of a module, or its checks, cannot be read: carries file and line
├── CourseError                a course folder or an assignment.toml is not as it should be
├── SubmissionError            a submission cannot be read: missing, empty, broken, not UTF-8, ...
├── SandboxError               this machine cannot isolate a submission as it was asked to
├── BatchError                 many submissions cannot be graded on: workers, cluster, or the folder of results
└── WireError                  a frame from the worker breaks the rules
SubmissionGone(BaseException)  the worker that held the submission is gone
├── SubmissionCrashed          it ended its own process
└── SubmissionTimeout          it did not answer in time
NotStarted(BaseException)      the submission raised the stub's own NotImplementedError

The last two are no `Exception`s, so that Hypothesis ends the check at once instead of looking for a smaller example.
"""

from __future__ import annotations

from pathlib import Path


class GraderError(Exception):
    """Something that a person can mend."""


class SourceError(GraderError):
    """A source or check file that cannot be read as one; says where."""

    def __init__(self, message: str, *, path: Path | str, line: int) -> None:
        super().__init__(f"{path}:{line}: {message}")
        self.path, self.line = path, line


class CourseError(GraderError):
    """A course folder that is not laid out as the grader expects."""


class SubmissionError(GraderError):
    """A submission that cannot be read."""


class SandboxError(GraderError):
    """A machine that cannot isolate a submission as it was asked to."""


class BatchError(GraderError):
    """Many submissions that cannot be graded on; what is done so far is kept."""


class WireError(GraderError):
    """A frame that breaks the rules of the wire format."""


class SubmissionGone(BaseException):
    """The worker that held the submission is gone."""


class SubmissionCrashed(SubmissionGone):
    """The submission ended its own process."""


class SubmissionTimeout(SubmissionGone):
    """The submission did not answer in time."""


class NotStarted(BaseException):
    """The submission raised the NotImplementedError of an untouched stub."""
