"""The vocabulary of the grader: frozen values, no input or output."""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType


class Status(enum.StrEnum):
    """What became of one check."""

    PASSED = "passed"
    FAILED = "failed"  # a property does not hold, or the submission raised
    NOT_STARTED = "not_started"  # the untouched stub answered
    TIMEOUT = "timeout"
    CRASHED = "crashed"  # the submission ended its own process
    SKIPPED = "skipped"  # not measured: says why, leaves the points open
    ERROR = "error"  # our fault: never counted against a student

    @property
    def settled(self) -> bool:
        """Whether this outcome may decide points."""
        return self not in (Status.SKIPPED, Status.ERROR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A unit of work that earns points; its checks share them by weight."""

    name: str
    points: float
    covers: tuple[str, ...] = ()  # the names it asks a student to write; (name,) unless said otherwise
    module: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ManualTask:
    """A cell of the notebook that a person grades: a plot or a written answer."""

    name: str
    points: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One test function of a task."""

    name: str  # "TestSoftmax::test_rows_sum_to_one"
    task: str
    weight: float = 1.0
    hidden: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """The outcome of one check, with the text that the student reads."""

    check: Check
    status: Status
    share: float = 1.0  # of its points that a check earns if it passed: a speed may earn a part
    message: str = ""
    hint: str = ""  # names the mistake, where it is a known one; tells nothing of the inputs, so it may always be shown
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What grading one submission found."""

    student: str
    assignment: str
    tasks: tuple[Task, ...]
    results: tuple[CheckResult, ...]
    notes: tuple[str, ...] = ()  # how the submission was read, for the student
    environment: Mapping[str, str] = field(default_factory=dict)  # isolation level, versions

    @property
    def max_score(self) -> float:
        return sum(task.points for task in self.tasks)

    @property
    def score(self) -> float:
        """Points earned so far; tasks that are still open (see `score_of`) count nothing yet."""
        return round(sum(self.score_of(task) or 0.0 for task in self.tasks), 6)

    @property
    def open_tasks(self) -> tuple[Task, ...]:
        return tuple(task for task in self.tasks if self.score_of(task) is None)

    @property
    def broken(self) -> tuple[CheckResult, ...]:
        """Of checks that failed through our own fault."""
        return tuple(result for result in self.results if result.status is Status.ERROR)

    def of(self, task: Task) -> tuple[CheckResult, ...]:
        return tuple(result for result in self.results if result.check.task == task.name)

    def score_of(self, task: Task) -> float | None:
        """Points of a task: its share of earned weight; None while a check is unsettled or none was run."""
        results = self.of(task)
        if not results or not all(result.status.settled for result in results):
            return None
        total = sum(result.check.weight for result in results)
        earned = sum(result.check.weight * result.share for result in results if result.status is Status.PASSED)
        return round(task.points * earned / total, 6)


@dataclass(frozen=True, slots=True)
class Frame:
    """One line of the submission's own code in a traceback."""

    filename: str
    line: int
    function: str
    code: str


def name_of(code: CodeType) -> str:
    """What a frame calls a function: its name, with that of its class if it is a method."""
    return code.co_name if "<" in code.co_qualname else code.co_qualname  # f.<locals>.g is g


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A piece of submitted code that is executed as one: a whole .py file, or one cell of a notebook."""

    filename: str  # what a traceback calls it: "linear_classifiers.py", or "cell softmax"
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """What one student handed in for one assignment: for each module its cells, executed in order.

    Attributes:
        unread: of the modules that were not handed in or cannot be read, why; the others are graded.
    """

    student: str
    assignment: str
    modules: Mapping[str, tuple[Cell, ...]]
    unread: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 of the code, so that the same work has the same name."""
        return digest(
            part
            for name, cells in sorted(self.modules.items())
            for cell in cells
            for part in (name, cell.filename, cell.source)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnWork:
    """What a submission does itself where torch has it ready; see `grader.sandbox.own_operations`."""

    operations: tuple[str, ...] = ()  # of torch: all whose names contain one of these
    by_hand: tuple[str, ...] = ()  # functions of the submission that differentiate without autograd

    def __bool__(self) -> bool:
        return bool(self.operations or self.by_hand)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a submission may use."""

    call_seconds: float = 10.0  # of computing, one call from a check; by the clock it may take five times as long
    load_seconds: float = 20.0  # likewise, importing the submission
    check_seconds: float = 60.0  # by the clock, one check with all its examples
    task_seconds: float = 120.0  # by the clock, checks of one task that were stopped; the rest of them is then not run
    cpu_seconds: float = 600.0  # of computing, all together until its process is replaced
    memory_mb: float = 2048.0  # MiB, on top of what Python, NumPy and torch take
    scratch_mb: float = 64.0  # MiB in its folder, and the largest file
    answer_mb: float = 256.0  # MiB that one call may return
    withheld: tuple[str, ...] = ()  # libraries that it may not import; a check file says so, see `grader.withheld`
    own_work: OwnWork = OwnWork()  # likewise


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """One assignment of a course folder."""

    name: str  # "hw1"
    title: str
    root: Path  # the course folder, which holds assignments/, solutions/ and release/
    modules: tuple[str, ...]
    tasks: tuple[Task, ...]
    manual: tuple[ManualTask, ...]
    limits: Limits = Limits()
    seed: str = ""  # secret: decides the examples of grading; from assignment.toml
    gpu: bool = False  # on a cluster, only workers that offer one grade it

    @property
    def student_dir(self) -> Path:
        return self.root / "assignments" / self.name

    @property
    def solution_dir(self) -> Path:
        return self.root / "solutions" / self.name

    @property
    def release_dir(self) -> Path:
        return self.root / "release" / self.name

    @property
    def notebook(self) -> str:
        """The name of its notebook, without ending: that of its first module."""
        return self.modules[0]

    def public_checks(self, module: str) -> Path:
        return self.student_dir / f"test_{module}.py"

    def hidden_checks(self, module: str) -> Path:
        return self.solution_dir / f"test_{module}_hidden.py"

    def reference(self, module: str) -> Path:
        return self.solution_dir / f"{module}.py"

    def stub(self, module: str) -> Path:
        return self.student_dir / f"{module}.py"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """The reference with one mistake that students make."""

    name: str
    task: str
    killed_by: str  # a check of that task: "TestSoftmax::test_stable_for_large_scores"
    hint: str  # what a student reads whose work behaves just so
    module: str
    source: str  # the whole changed module


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """A complete correct submission in another style, which must earn full marks."""

    name: str
    module: str
    source: str


def digest(parts: Iterable[str | bytes]) -> str:
    """SHA-256 over length-prefixed parts, so that no two lists of parts read the same."""
    total = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        total.update(len(data).to_bytes(8, "big") + data)
    return total.hexdigest()
