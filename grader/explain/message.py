"""The exception of a failed comparison, and the wording that all of them share."""

from __future__ import annotations

from typing import NoReturn

from grader.explain.values import describe
from grader.text import plain

LIMIT = 4000  # characters of a whole message
ARROW = " → "


class Mismatch(AssertionError):
    """What came back is not what was expected; the text says so to the student.

    `relation` is the sentence about how the two belong together, or "".
    """

    def __init__(self, message: str, relation: str = "") -> None:
        super().__init__(plain(message, LIMIT, lines=True))
        self.relation = relation


def fail(headline: str, *details: str, relation: str = "", given: str = "") -> NoReturn:
    """Raises a Mismatch: one sentence, then what there is to see, the relation, the inputs."""
    __tracebackhide__ = True
    parts = [headline, *details, f"  {relation}" if relation else "", given]
    raise Mismatch("\n".join(part for part in parts if part), relation)


def subject(what: str) -> str:
    """The short name of a value: "dW" of "gradients(X, Y, P, W, lam) → dW"."""
    return what.rsplit(ARROW, 1)[-1]


def got(what: str, value: object) -> str:
    """ "softmax(S) returned a generator", but "history['train_cost'] is None"."""
    return f"{what} {'returned' if what.endswith(')') and ARROW not in what else 'is'} {describe(value)}"
