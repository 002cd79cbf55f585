"""Runs check files with pytest inside this process: for grading, and for a notebook's cell."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis.configuration import set_hypothesis_home_dir

from grader.plugin import RUN, check_of, is_plain, run_of, run_plain, wanted
from grader.run import Run
from grader.tape import cache
from grader.text import plain

CONFIG = Path(__file__).with_name("grading.ini")
NO_OTHERS = "PYTEST_DISABLE_PLUGIN_AUTOLOAD"
VARIABLES = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS", NO_OTHERS, "PYTEST_CURRENT_TEST")
NEEDLESS = "cacheprovider unraisableexception threadexception logging faulthandler doctest junitxml pastebin".split()
# ... of pytest's own plugins: the second collects garbage, which takes half of the time; the logging of each check is
# set up three times
QUIET = ("-p", "no:terminal")
Stamp = tuple[str, int]
_imported: dict[str, Stamp] = {}  # check modules that were left in sys.modules: file and time of change
_known: dict[tuple[object, ...], Bring] = {}  # what was collected last, by root and files


def run_checks(run: Run, files: Sequence[Path], root: Path, *, timeouts: bool = False) -> str:
    """Run check files; the results are then in `run`.

    Args:
        root: pytest's rootdir.
        timeouts: whether pytest-timeout watches them.

    Returns:
        What kept checks from running, and empty if nothing did.
    """
    set_hypothesis_home_dir(cache() / "hypothesis")  # which otherwise is .hypothesis/ wherever we are
    with _clean_environment(), contextlib.redirect_stdout(io.StringIO()), contextlib.closing(run):
        if timeouts:
            return _pytest(run, files, root, "-p", "timeout").problem
        found = _collected(run, files, root)
        checks = wanted(run, found.items)
        for item in checks:
            if is_plain(item):
                item.ihook.pytest_runtest_protocol(item=item, nextitem=None)
        if others := frozenset(check_of(item).name for item in checks if not is_plain(item)):
            with_others = _pytest(replace(run, names=others), files, root, *QUIET)
            return found.problem or with_others.problem
        return found.problem


def _collected(run: Run, files: Sequence[Path], root: Path) -> Bring:
    """The checks in the files. Collecting takes longer than a good submission: it is done once for the same files."""
    key = (str(root), *map(_stamp, files))
    found = _known.get(key)
    if found is None:
        _known.clear()
        found = _pytest(Run(), files, root, "--collect-only", *QUIET)
        if not found.problem:
            _known[key] = found
    for item in found.items[:1]:
        item.config.stash[RUN] = run
    return found


def _pytest(run: Run, files: Sequence[Path], root: Path, *options: str) -> Bring:
    """What became of running pytest."""
    arguments = ["-c", str(CONFIG), f"--rootdir={root}", "--import-mode=importlib", "--noconftest", "-s"]
    arguments += ["--continue-on-collection-errors", "-p", "grader", *options]
    arguments += [part for name in NEEDLESS for part in ("-p", f"no:{name}")]
    stamps = dict(map(_stamp, files))
    _forget_others(stamps)
    bring = Bring(run)
    bring.end(pytest.main([*arguments, *map(str, files)], plugins=[bring]))
    if bring.problem:
        _imported.clear()  # pytest leaves behind what it could not import; nothing of that may count next time
    else:
        _remember(stamps)
    return bring


class Bring:
    """Gives pytest the run, runs what is plain without pytest, and hears of check files that cannot be imported.

    Attributes:
        items: that were collected.
        problem: what kept checks from running; empty if nothing did.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._problems: list[str] = []
        self.items: list[pytest.Item] = []
        self.problem = ""

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        config.stash[RUN] = self._run
        config.option.tbstyle = "line"  # nobody reads pytest's own tracebacks, which cost more than most checks

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.items = list(session.items)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        if not is_plain(item) or item.config.pluginmanager.hasplugin("timeout"):
            return None
        assert isinstance(item, pytest.Function)
        run_plain(item, run_of(item.config))
        return True

    def end(self, status: int | pytest.ExitCode) -> None:
        """pytest has ended."""
        if status not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED):
            self._problems = self._problems or [f"pytest ended with {status!s}."]
        self.problem = "\n".join(self._problems)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            reason = report.longreprtext.strip().split("\n")[-1].removeprefix("E").strip()
            self._problems.append(f"{report.nodeid} cannot be imported: {plain(reason)}")


@contextmanager
def _clean_environment() -> Iterator[None]:
    """Without pytest's variables, which are there again afterwards, and without plugins that happen to be installed."""
    saved = {name: os.environ.pop(name) for name in VARIABLES if name in os.environ}
    os.environ[NO_OTHERS] = "1"
    try:
        yield
    finally:
        del os.environ[NO_OTHERS]
        os.environ.update(saved)


def _stamp(path: Path) -> Stamp:
    return str(path), path.stat().st_mtime_ns


def _forget_others(stamps: dict[str, int]) -> None:
    """pytest keeps check files that it has imported, by name: drop what is now another file, or a changed one."""
    stems = {Path(path).stem for path in stamps}
    for name in [name for name in sys.modules if name.rpartition(".")[2] in stems]:
        path, changed = _imported.get(name, ("", 0))
        if stamps.get(path) != changed:
            del sys.modules[name]


def _remember(stamps: dict[str, int]) -> None:
    for name, module in list(sys.modules.items()):
        path = getattr(module, "__file__", None)
        if path in stamps:
            _imported[name] = path, stamps[path]
