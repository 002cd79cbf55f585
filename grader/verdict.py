"""What decides an example, found out once: which judgements a check makes of whatever it is answered.

What a check expects seldom depends on what it is answered, and computing it is most of what a check costs. So each
example is run with the reference once more, and the answers are concealed (`grader.explain.unknown`). If the check
takes the same steps as before, asks the same and expects the same, then it does so with every submission whose answers
are of the same kinds: that passes the example if it passes the judgements. If it does not, or if its answers are of
other kinds, the check itself is run. Nothing but a pass is ever decided here.

Why a pass here is a pass there: nothing but its answers tells one submission from another. Their kinds are those of the
reference's, so only the numbers in arrays and floats are left to differ. What the check does with these is to pass them
on by name, and to have them judged; each other way to get at them is an `Escape`, and there was none. What does not
look at the numbers, `is` and `type`, comes out as it did with the reference, when the steps were the same.
"""

from __future__ import annotations

import dis
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import grader
from grader.errors import SubmissionGone
from grader.explain.unknown import Escape, Judgement, Witness, witnessed
from grader.remote import Answer, Kind, Kinds

HERE = Path(grader.__file__).parent
HELPERS = ("strategies", "oracles", "gradients.py", "properties.py", "explain/structure.py", "explain/drawn.py")
BLIND = frozenset("type id callable is_ is_not getsizeof vars locals".split())  # what looks at no number
MOST_BYTES = 1 << 20  # of the judgements of one example


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How to decide one example.

    Attributes:
        kinds: of its answers.
        judgements: what the check makes of them.
    """

    kinds: tuple[Kind | None, ...]
    judgements: tuple[Judgement, ...]

    def passes(self, answers: Sequence[Answer]) -> bool:
        """Whether these answers pass. If not, nothing is known yet."""
        kinds, values = Kinds(), [answer.value for answer in answers]
        if len(answers) != len(self.kinds):
            return False
        if any(kinds.of(answer) != kind for answer, kind in zip(answers, self.kinds, strict=True)):
            return False
        return all(judgement.holds(values) for judgement in self.judgements)


@dataclass(slots=True)
class Steps:
    """What a check did with one example.

    Attributes:
        path: stands for the instructions that were run, in order, of functions that may tell answers apart and not look
            at them.
        ended: whether it got to the end.
    """

    witness: Witness
    path: int = 0
    ended: bool = False


def verdict(open_: Steps, concealed: Steps, kinds: Sequence[Kind | None]) -> Verdict | None:
    """The verdict on an example; None if the check has to be run.

    Args:
        open_: what it did when it knew the answers.
        concealed: what it did when it did not.
        kinds: of the answers.
    """
    before, judgements = open_.witness.judgements, concealed.witness.judgements
    if not (open_.ended and concealed.ended) or open_.witness.escaped or concealed.witness.escaped:
        return None
    if open_.path != concealed.path or None in kinds or len(before) != len(judgements):
        return None
    if not all(one.agrees(other) for one, other in zip(before, judgements, strict=True)):
        return None
    if sum(len(one.of) for one in judgements) > MOST_BYTES:
        return None
    return Verdict(kinds=tuple(kinds), judgements=tuple(one for one in judgements if one.of_answers()))


@cache
def _helps(name: str) -> bool:
    """Whether a file of ours may be given answers; what carries and compares them knows of `Unknown`s."""
    return any(Path(name).is_relative_to(HERE / helper) for helper in HELPERS)


@cache
def _tells_apart(code: CodeType) -> bool:
    """Whether a function may take another way for another answer without a look at it."""
    by = {instruction.opname for instruction in dis.get_instructions(code)}
    return not BLIND.isdisjoint(code.co_names) or any("IS_OP" in name or "NONE" in name for name in by)


@contextmanager
def followed(file: str, *, concealed: bool = False) -> Iterator[Steps]:
    """Within: what a check does is followed.

    Args:
        file: in which it is written.
        concealed: whether it does not know what it is answered; then it may fail.
    """

    def enter(frame: FrameType, event: str, arg: Any) -> Any:
        code = frame.f_code
        if not (code.co_filename == file or _helps(code.co_filename)) or not _tells_apart(code):
            return None
        frame.f_trace_lines, frame.f_trace_opcodes = False, True
        return step

    def step(frame: FrameType, event: str, arg: Any) -> Any:
        steps.path = hash((steps.path, frame.f_code.co_firstlineno, frame.f_lasti))
        return step

    before = sys.gettrace()
    forgiven = (Escape, Exception, SubmissionGone) if concealed else (Escape,)
    with witnessed() as witness, suppress(*forgiven):
        steps = Steps(witness)
        sys.settrace(enter)
        try:
            yield steps
            steps.ended = True
        finally:
            sys.settrace(before)
