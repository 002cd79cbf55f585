"""The requests of a check that does not get to know what it is answered (see `grader.verdict`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from grader.remote.ahead import Name, Plan, Recorder
from grader.remote.kinds import concealed, revealed


class Concealer(Recorder):
    """Notes the requests of a check once more, and keeps the answers from it.

    Args:
        plan: its requests, as they were noted when it knew what it was answered.
    """

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self._plan, self._example = plan, -1
        self._values: list[Any] = []  # what the requests of this example were answered
        self._inside: dict[int, Any] = {}

    def example(self) -> None:
        self._example += 1
        self.reason = ""
        start = self._plan.requests(self._example).start
        del self._words[start:], self.kinds[start:]  # more than was asked, of an example before this one
        self._words += self._plan.words[len(self._words) : start]  # or less
        self.kinds += [None] * (start - len(self.kinds))
        self._values, self._inside = [], {}
        super().example()

    def passes(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
        plain = [revealed(value, self._values, self._inside) for value in args]
        return tuple(plain), {name: revealed(value, self._values, self._inside) for name, value in kwargs.items()}

    def gives(self, value: Any) -> Any:
        self._values.append(value)
        return concealed(value, len(self._values) - 1, self._inside)

    def same(self) -> bool:
        """Whether the requests of this example are those of the plan."""
        requests = self._plan.requests(self._example)
        return not self.reason and tuple(self._words[requests.start :]) == self._plan.words[requests]

    def _refer(self, value: Any) -> Name | None:
        name = super()._refer(value)
        if name is None and self._answers.knows(value):
            self.reason = "it passes on a part of an answer that was changed since"
        return name
