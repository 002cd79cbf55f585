"""A check file read by its syntax alone: nothing is imported to know what its checks are worth.

    @pytest.mark.task("standardize", points=5, covers=("fit_standardizer", "standardize"))     # public: with points
    class TestStandardize:
        @pytest.mark.weight(2)
        def test_constant_feature_becomes_zero(self, hw): ...

A hidden check file names the task only: `@pytest.mark.task("standardize")`. A mark on a method or an inner class stands
for the one around it, as in pytest. What this reading would miss (tests in an `if`, inherited ones) is an error.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from grader.problems import Problems
from grader.source import parse, read


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskMark:
    """A `@pytest.mark.task(...)`."""

    name: str
    line: int
    points: float | None = None
    covers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TestFunction:
    """A test function, with the marks that hold for it."""

    name: str
    line: int
    mark: TaskMark | None
    weight: float


class CheckFile:
    """The marks and tests of one check file."""

    def __init__(self, path: Path, problems: Problems) -> None:
        self.path, self._problems = path, problems
        self.marks: list[TaskMark] = []
        self.tests: list[TestFunction] = []

    def problem(self, message: str, line: int) -> None:
        self._problems.add(message, path=self.path, line=line)

    def read(self) -> None:
        tree = parse(read(self.path, self._problems), path=self.path, problems=self._problems)
        if tree is not None:
            self._visit(tree.body, prefix="", mark=None, weight=1.0)
        for test in self.tests:
            if test.mark is None:
                self.problem(f"check {test.name} belongs to no task; add @pytest.mark.task(...)", test.line)
        for mark in self.marks:
            if not any(test.mark is mark for test in self.tests):
                self.problem(f"task {mark.name!r} has no check here: no function test_...", mark.line)

    def _visit(self, body: Iterable[ast.stmt], *, prefix: str, mark: TaskMark | None, weight: float) -> None:
        for node in body:
            match node:
                case ast.ClassDef() | ast.FunctionDef():
                    self._visit_definition(node, prefix=prefix, mark=mark, weight=weight)
                case _:
                    for inner in ast.walk(node):
                        if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef) and inner.name.startswith("test"):
                            self.problem(
                                f"{inner.name}: a check is a plain function of the module or of a class", inner.lineno
                            )

    def _visit_definition(
        self, node: ast.ClassDef | ast.FunctionDef, *, prefix: str, mark: TaskMark | None, weight: float
    ) -> None:
        own_mark, own_weight = self._task_mark(node), self._weight(node)
        collected = node.name.startswith("Test" if isinstance(node, ast.ClassDef) else "test")
        if not collected:
            if own_mark or own_weight is not None:
                self.problem(
                    f"{node.name} has marks of a check, but pytest collects Test... and test_... only", node.lineno
                )
            return
        mark, weight = own_mark or mark, weight if own_weight is None else own_weight
        if own_mark:
            self.marks.append(own_mark)
        if isinstance(node, ast.FunctionDef):
            self.tests.append(TestFunction(name=prefix + node.name, line=node.lineno, mark=mark, weight=weight))
            return
        if node.bases:
            self.problem(
                f"{node.name}: a test class has no base class; inherited checks would not be counted", node.lineno
            )
        self._visit(node.body, prefix=f"{prefix}{node.name}::", mark=mark, weight=weight)

    def _task_mark(self, node: ast.ClassDef | ast.FunctionDef) -> TaskMark | None:
        arguments = self._arguments(node, "task", allowed=("points", "covers"))
        if arguments is None:
            return None
        line, positional, named = arguments
        if len(positional) != 1 or not is_name(positional[0]):
            self.problem('expected @pytest.mark.task("a_name", ...) with one name', line)
            return None
        mark = TaskMark(name=str(positional[0]), line=line)
        if "points" in named:
            mark = replace(mark, points=amount(named["points"]))
            if mark.points is None:
                self.problem(f"points: expected a number above 0, found {named['points']!r}", line)
        if "covers" in named:
            covers = named["covers"]
            if not isinstance(covers, tuple | list) or not covers or not all(map(is_name, covers)):
                self.problem(f"covers: expected a tuple of names, found {covers!r}", line)
            else:
                mark = replace(mark, covers=tuple(covers))
        return mark

    def _weight(self, node: ast.ClassDef | ast.FunctionDef) -> float | None:
        arguments = self._arguments(node, "weight", allowed=())
        if arguments is None:
            return None
        line, positional, _ = arguments
        weight = amount(positional[0]) if len(positional) == 1 else None
        if weight is None:
            self.problem("expected @pytest.mark.weight(2) with one number above 0", line)
        return weight

    def _arguments(
        self, node: ast.ClassDef | ast.FunctionDef, name: str, *, allowed: Sequence[str]
    ) -> tuple[int, list[object], dict[str, object]] | None:
        """(line, positional, by name) of the literal arguments of the mark `name`, if it is there and well formed."""
        marks = [item for item in node.decorator_list if _mark_name(item) == name]
        if not marks:
            return None
        decorator, *more = marks
        if more:
            self.problem(f"two marks {name!r} on {node.name}", more[0].lineno)
        if not isinstance(decorator, ast.Call):
            self.problem(f"@pytest.mark.{name} needs arguments", decorator.lineno)
            return None
        unknown = [str(item.arg) for item in decorator.keywords if item.arg not in allowed]
        if unknown:
            self.problem(f"@pytest.mark.{name} takes no {listed(unknown)}", decorator.lineno)
            return None
        try:
            positional = [ast.literal_eval(item) for item in decorator.args]
            named = {str(item.arg): ast.literal_eval(item.value) for item in decorator.keywords}
        except ValueError:
            self.problem(f"@pytest.mark.{name}: only literals can be read without importing the file", decorator.lineno)
            return None
        return decorator.lineno, positional, named


def _mark_name(decorator: ast.expr) -> str | None:
    """ "task" for `pytest.mark.task(...)`, and for `mark.task(...)`."""
    dotted = ast.unparse(decorator.func if isinstance(decorator, ast.Call) else decorator)
    before, _, name = dotted.rpartition(".")
    return name if before in ("pytest.mark", "mark") else None


def is_name(value: object) -> bool:
    return isinstance(value, str) and value.isidentifier() and value.isascii()


def amount(value: object) -> float | None:
    """The number, if it is one above 0."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        return None
    return float(value)


def listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"
