"""The pytest plugin: tasks with points, the `hw` fixture, and the table that closes a run.

It is loaded in every pytest run of an environment, so it does nothing until a test is marked as a task's.
"""

from __future__ import annotations

import functools
import inspect
import sys
import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest
from _pytest.outcomes import Skipped

from grader.errors import SubmissionError
from grader.model import Check, CheckResult, OwnWork, Status, Task

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

    from grader.run import Run
    from grader.throughput.checks import Throughput

RUN = pytest.StashKey["Run"]()
PLAIN = pytest.StashKey[bool]()
DESK_SECONDS = 60  # for one check at a student's desk
MEASURING_SECONDS = 900  # for one that measures
MARKERS = (
    "task(name, points=None, covers=()): the checks of one task, which share its points by weight",
    "by_hand: the submission uses NumPy, and no library that differentiates (stands for a whole check file)",
    "own_work(operation, ..., by_hand=()): the submission uses no operation of torch whose name contains one of these, "
    "and no automatic differentiation in the functions that are by hand (stands for a whole check file)",
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
    return _module(run_of(request.config), request.path)


def _module(run: Run, checks: Path) -> Any:
    try:
        return run.submission(checks).module
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
    if not any(map(is_check, items)):
        return
    run = run_of(config)
    ours = wanted(run, items)
    if run.tasks is not None or run.names is not None:
        items[:] = ours
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
    with _entered(item, run_of(item.config), item.obj):  # type: ignore[attr-defined]
        return (yield)


@contextmanager
def _entered(item: pytest.Item, run: Run, function: Any) -> Iterator[None]:
    """Within: the function of a check may be called."""
    submission = run.submission(item.path)
    with ExitStack() as stack:
        run.enter_check(stack, submission, function, check_of(item), stand_ins_of(item))
        try:
            yield
        except BaseException as error:
            if verdict := run.not_started(error, submission):
                raise NotStartedYet(str(verdict), _use_item_location=True) from None
            raise


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if not is_check(pyfuncitem) or "hw" not in pyfuncitem.fixturenames:
        return None
    given = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    return run_of(pyfuncitem.config).perform(_name(pyfuncitem), pyfuncitem.obj, given, pyfuncitem.path) or None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if not is_check(item) or not (report.when == "call" or not report.passed):
        return report
    run = run_of(item.config)
    error = None if call.excinfo is None else call.excinfo.value
    result = _settled(item, run, error, call.duration)
    if error is not None and not isinstance(error, Skipped) and item.config.getoption("tbstyle", "auto") == "auto":
        title = (getattr(item.obj, "__doc__", None) or "").strip().split("\n")[0]  # type: ignore[attr-defined]
        report.longrepr = f"{title}\n\n{result.message}" if title else result.message
    report.grader = _packed(result, item, run)  # type: ignore[attr-defined]
    return report


def _settled(item: pytest.Item, run: Run, error: BaseException | None, seconds: float) -> CheckResult:
    if isinstance(error, Skipped):
        status = Status.NOT_STARTED if isinstance(error, NotStartedYet) else Status.SKIPPED
        return CheckResult(check=check_of(item), status=status, message=str(error))
    return run.settle(check_of(item), error, seconds, run.opened(item.path))


def run_plain(item: pytest.Function, run: Run) -> None:
    """Run a check that is plain, and nothing of what pytest does around a test: that takes longer than most checks."""
    error, began = None, time.perf_counter()
    try:
        function = item.function if item.cls is None else item.function.__get__(item.cls())
        given = {"hw": _module(run, item.path), **_parameters(item)}
        with ExitStack() as stack:
            if "tmp_path" in item.fixturenames:
                given["tmp_path"] = Path(stack.enter_context(TemporaryDirectory()))
            stack.enter_context(_entered(item, run, function))
            if not run.perform(_name(item), function, given, item.path):
                function(**given)
    except KeyboardInterrupt:
        raise
    except BaseException as raised:
        error = raised
    result = _settled(item, run, error, time.perf_counter() - began)
    run.add(run.subject(item.path), task_of(item), result, item.location[1] or 0, run.notes(item.path))


def is_plain(item: pytest.Item) -> bool:
    """Whether a check takes the submission, its own parameters and a folder, and is run whatever the machine."""
    if PLAIN not in item.stash:
        item.stash[PLAIN] = (
            is_check(item)
            and isinstance(item, pytest.Function)
            and {"hw"} <= _takes(item) <= {"hw", "tmp_path", *_parameters(item)}
            and {*item.fixturenames} - _takes(item) <= {"request", "tmp_path_factory"}  # for these
            and not any(item.get_closest_marker(name) for name in ("skip", "skipif", "xfail"))
        )
    return item.stash[PLAIN]


def _takes(item: pytest.Function) -> set[str]:
    return {*inspect.signature(item.function).parameters} - {"self"}


def _parameters(item: pytest.Function) -> dict[str, Any]:
    return item.callspec.params if hasattr(item, "callspec") else {}


def _name(item: pytest.Item) -> str:
    """Of a check with its parameters, as on the tape."""
    return item.nodeid.partition("::")[2]


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


def wanted(run: Run, items: Iterable[pytest.Item]) -> list[pytest.Item]:
    """The checks among the items that the run asks for; it learns what they say of their submission."""
    ours = [item for item in items if is_check(item)]
    if "torch" in sys.modules:  # checks are many small operations; threads cost more than they give, and change sums
        sys.modules["torch"].set_num_threads(1)
    run.by_hand |= {run.subject(item.path) for item in ours if item.get_closest_marker("by_hand")}
    run.own_work |= {run.subject(item.path): work for item in ours if (work := own_work_of(item))}
    if run.tasks is not None:
        ours = [item for item in ours if task_of(item).name in run.tasks]
    if run.names is not None:
        ours = [item for item in ours if check_of(item).name in run.names]
    return ours


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
        name=_name(item).partition("[")[0],
        task=task_of(item).name,
        weight=float(weight.args[0]) if weight else 1.0,
        hidden=item.path.stem.endswith("_hidden"),
    )


def own_work_of(item: pytest.Item) -> OwnWork:
    """What the submission of a check file is to do itself."""
    mark = item.get_closest_marker("own_work")
    return OwnWork() if mark is None else OwnWork(operations=mark.args, by_hand=tuple(mark.kwargs.get("by_hand", ())))


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
