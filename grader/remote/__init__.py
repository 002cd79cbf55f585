"""The trusted side of the boundary: a submission that looks like a module but lives in another process.

A check calls `hw.softmax(S)` and cannot tell the difference from a module imported in its own process: arguments that
the submission changes in place are changed here too, functions passed in are called back, random generators advance,
exceptions arrive as instances of the same built-in type, and objects of no plain type arrive as handles.
"""

from grader.remote.ahead import Diverged, Plan, Recorder
from grader.remote.call import Call
from grader.remote.conceal import Concealer
from grader.remote.kinds import Answer, Kind, Kinds
from grader.remote.objects import RemoteFunction, RemoteModule, RemoteObject
from grader.remote.raised import MissingName, SubmissionRaised, missing, raised
from grader.remote.record import RecordedCall
from grader.remote.session import Session

__all__ = [
    "Answer",
    "Call",
    "Concealer",
    "Diverged",
    "Kind",
    "Kinds",
    "MissingName",
    "Plan",
    "RecordedCall",
    "Recorder",
    "RemoteFunction",
    "RemoteModule",
    "RemoteObject",
    "Session",
    "SubmissionRaised",
    "missing",
    "raised",
]
