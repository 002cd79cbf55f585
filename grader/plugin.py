"""The pytest plugin: tasks with points, the `hw` fixture, and the table that closes a run.

It is loaded in every pytest run of an environment, so it does nothing until a test is marked as a task's.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from _pytest.outcomes import Skipped

from grader.errors import SubmissionError
from grader.model import Check, CheckResult, Status, Task

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

    from grader.run import Run
    from grader.throughput.checks import Throughput

RUN = pytest.StashKey["Run"]()
DESK_SECONDS = 60  # for one check at a student's desk
MEASURING_SECONDS = 900  # for one that measures
MARKERS = (
    "task(name, points=None, covers=()): the checks of one task, which share its points by weight",
    "by_hand: the submission uses NumPy, and no library that differentiates (stands for a whole check file)",
    "weight(w): how much this check counts within its task (1 unless said otherwise)",
    "stand_in(name=function, ...): while this check runs, these names of the submission mean the staff's functions",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("grader", "homework checks")
    group.addoption(
        "--submission", metavar="PATH", help="the file, notebook or folder to check, not the module beside the checks"
    )
    group.addoption(
        "--isolate", action="store_true", help="run the submission in a process of its own, as when it is graded"
    )


def pytest_configure(config: pytest.Config) -> None:
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    config.pluginmanager.register(Collector(config), "grader-collector")
    path = config.getoption("--submission")
    if path is not None and not Path(path).exists():
        raise pytest.UsageError(f"--submission: there is no {path}.")


def run_of(config: pytest.Config) -> Run:
    """The run of this pytest session; one that grades brings its own."""
    if RUN not in config.stash:
        from grader.run import Run

        path = config.getoption("--submission")
        config.stash[RUN] = Run(path=Path(path).resolve() if path else None, isolate=config.getoption("--isolate"))
    return config.stash[RUN]


@pytest.fixture(scope="module")
def hw(request: pytest.FixtureRequest) -> Any:
    """The submission under test: the module's functions and classes are its attributes."""
    try:
        return run_of(request.config).submission(request.path).module
    except SubmissionError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="module")
def throughput(request: pytest.FixtureRequest) -> Generator[Throughput, None, None]:
    """Runs kernels of the submission in workers of their own, and measures them."""
    from grader.throughput.checks import Throughput

    run = run_of(request.config)
    measuring = Throughput(functools.partial(run.kernel, request.path), run.tell)
    yield measuring
    measuring.close()


class NotStartedYet(Skipped):
    """A check of an untouched stub is no failure; --pdb and -x pass it by."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    ours = [item for item in items if is_check(item)]
    if not ours:
        return
    if "torch" in sys.modules:  # checks are many small operations; threads cost more than they give, and change sums
        sys.modules["torch"].set_num_threads(1)
    run = run_of(config)
    run.by_hand |= {run.subject(item.path) for item in ours if item.get_closest_marker("by_hand")}
    if run.tasks is not None:
        items[:] = ours = [item for item in ours if task_of(item).name in run.tasks]
    if run.names is not None:
        items[:] = ours = [item for item in ours if check_of(item).name in run.names]
    if (
        config.pluginmanager.hasplugin("timeout")
        and not config.getoption("timeout", None)
        and not run.isolate
        and not run.cells
    ):
        for item in ours:
            if item.get_closest_marker("timeout") is None:
                measures = "throughput" in getattr(item, "fixturenames", ())
                item.add_marker(pytest.mark.timeout(MEASURING_SECONDS if measures else DESK_SECONDS))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    if not is_check(item) or "hw" not in getattr(item, "fixturenames", ()):
        return (yield)
    run = run_of(item.config)
    submission = run.submission(item.path)
    with ExitStack() as stack:
        function = item.obj  # type: ignore[attr-defined]
        run.enter_check(stack, submission, function, check_of(item), stand_ins_of(item))
        try:
            return (yield)
        except BaseException as error:
            if verdict := run.not_started(error, submission):
                raise NotStartedYet(str(verdict), _use_item_location=True) from None
            raise


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if not is_check(pyfuncitem) or "hw" not in pyfuncitem.fixturenames:
        return None
    given = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    name = pyfuncitem.nodeid.partition("::")[2]
    return run_of(pyfuncitem.config).perform(name, pyfuncitem.obj, given, pyfuncitem.path) or None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if not is_check(item) or not (report.when == "call" or not report.passed):
        return report
    run = run_of(item.config)
    error = None if call.excinfo is None else call.excinfo.value
    if isinstance(error, Skipped):
        status = Status.NOT_STARTED if isinstance(error, NotStartedYet) else Status.SKIPPED
        result = CheckResult(check=check_of(item), status=status, message=str(error))
    else:
        result = run.settle(check_of(item), error, call.duration, run.opened(item.path))
        if error is not None and item.config.getoption("tbstyle", "auto") == "auto":
            title = (getattr(item.obj, "__doc__", None) or "").strip().split("\n")[0]  # type: ignore[attr-defined]
            report.longrepr = f"{title}\n\n{result.message}" if title else result.message
    report.grader = _packed(result, item, run)  # type: ignore[attr-defined]
    return report


class Collector:
    """Hears of the results, in this process or from those of pytest-xdist, and writes the table."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        packed = getattr(report, "grader", None)
        if packed is None:
            return
        about, result, task, line, notes = _unpacked(packed)
        run_of(self._config).add(about, task, result, line, notes)
        terminal = self._config.pluginmanager.getplugin("terminalreporter")
        if terminal is not None and isinstance(report.longrepr, str):
            from grader.table import printable

            report.longrepr = printable(terminal, report.longrepr)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_terminal_summary(self, terminalreporter: TerminalReporter) -> Generator[None, None, None]:
        yield
        if RUN in self._config.stash and self._config.stash[RUN].work:
            from grader.table import write_tables

            write_tables(terminalreporter, self._config.stash[RUN].reports().values(), selected=self._selected())

    def _selected(self) -> bool:
        """Whether perhaps not all checks were run."""
        options = ("keyword", "markexpr", "lf", "maxfail", "deselect")
        return any(self._config.getoption(name, None) for name in options) or any(
            "::" in argument for argument in self._config.args
        )


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    packed = getattr(report, "grader", None)
    if packed is not None and packed["status"] == Status.NOT_STARTED:
        return "not started", "-", "NOT STARTED"
    return None


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    if RUN in config.stash:
        config.stash[RUN].close()


def is_check(item: pytest.Item) -> bool:
    """Whether a test belongs to a task; another project's `task` mark, which names none, is let be."""
    mark = item.get_closest_marker("task")
    return mark is not None and bool(mark.args) and isinstance(mark.args[0], str)


def task_of(item: pytest.Item) -> Task:
    """The task that a check belongs to."""
    mark = item.get_closest_marker("task")
    assert mark is not None
    name = mark.args[0]
    covers = tuple(mark.kwargs.get("covers", (name,)))
    return Task(name=name, points=float(mark.kwargs.get("points") or 0), covers=covers)


def check_of(item: pytest.Item) -> Check:
    """The check that a test is; its parameters, if any, belong to one check."""
    weight = item.get_closest_marker("weight")
    return Check(
        name=item.nodeid.partition("::")[2].partition("[")[0],
        task=task_of(item).name,
        weight=float(weight.args[0]) if weight else 1.0,
        hidden=item.path.stem.endswith("_hidden"),
    )


def stand_ins_of(item: pytest.Item) -> dict[str, Any]:
    """The staff's functions of the closest `stand_in` marks."""
    functions: dict[str, Any] = {}
    for mark in reversed(list(item.iter_markers("stand_in"))):
        functions |= mark.kwargs
    return functions


def _packed(result: CheckResult, item: pytest.Item, run: Run) -> dict[str, Any]:
    """As plain values, which pytest-xdist can carry."""
    check, task = result.check, task_of(item)
    return {
        "about": run.subject(item.path),
        "check": [check.name, check.task, check.weight, check.hidden],
        "line": item.location[1] or 0,
        "status": str(result.status),
        "share": result.share,
        "message": result.message,
        "hint": result.hint,
        "seconds": result.seconds,
        "task": [task.name, task.points, list(task.covers)],
        "notes": list(run.notes(item.path)),
    }


def _unpacked(packed: dict[str, Any]) -> tuple[str, CheckResult, Task, int, list[str]]:
    name, task, weight, hidden = packed["check"]
    result = CheckResult(
        check=Check(name=name, task=task, weight=weight, hidden=hidden),
        status=Status(packed["status"]),
        share=packed["share"],
        message=packed["message"],
        hint=packed["hint"],
        seconds=packed["seconds"],
    )
    task_name, points, covers = packed["task"]
    task = Task(name=task_name, points=points, covers=tuple(covers))
    return packed["about"], result, task, packed["line"], packed["notes"]
