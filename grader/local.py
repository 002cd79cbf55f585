"""A submission in this very process, for a student's own machine: pdb, prints and coverage work.

Offers what `grader.remote.Session` offers, without the boundary; so it is never used to decide a score.
"""

from __future__ import annotations

import importlib.util
import linecache
import os
import sys
import types
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from grader.feedback import timed_out
from grader.model import Cell, OwnWork
from grader.remote import missing
from grader.submission import read_cells
from grader.withheld import builtins_without

if TYPE_CHECKING:
    from grader.sandbox.own_operations import OwnOperations

PACKAGE = f"{Path(__file__).parent}{os.sep}"
_ABSENT = object()


class Local:
    """A module that was imported, or the names that a notebook has defined.

    Attributes:
        module: what checks call.
        files: what tracebacks call the student's files, and what to call them.
        names: what it defines.
    """

    def __init__(
        self, name: str, namespace: dict[str, Any], files: Mapping[str, str], failures: tuple[BaseException, ...] = ()
    ) -> None:
        self.name, self.files = name, files
        self.module = LocalModule(name, namespace, failures)
        self._namespace = namespace
        self._own: OwnOperations | None = None

    def does_itself(self, work: OwnWork) -> Local:
        """From now on it is refused what `work` asks it to write; the checks, in the same process, are not."""
        if work:
            from grader.sandbox.own_operations import OwnOperations  # which imports torch

            self._own = OwnOperations(work, asks=self._has_called)
            self.module.__dict__["_watched"] = self._own.watched
        return self

    def _has_called(self, frame: FrameType | None) -> bool:
        """Whether code of the submission is nearer to a call than any of this package, such as an oracle."""
        while frame is not None:
            if frame.f_code.co_filename in self.files:
                return True
            if frame.f_code.co_filename.startswith(PACKAGE):
                return False
            frame = frame.f_back
        return False

    @property
    def names(self) -> list[str]:
        return [name for name in self._namespace if not name.startswith("__")]

    def begin(self) -> None:
        """A check begins; pytest-timeout looks after its seconds."""

    def close(self) -> None:
        """Nothing to end."""

    def anew(self) -> None:
        """Likewise."""

    def in_step(self) -> bool:
        """Nothing was sent ahead."""
        return True

    def note(self, recorder: object) -> None:
        """Calls in one process cost nothing, so none is made before its time."""

    def expect(self, plan: object) -> None:
        """Likewise."""

    def transcript(self) -> bytes:
        """None is kept."""
        return b""

    def answers(self, number: int) -> None:
        """Likewise."""

    def skip(self, number: int) -> None:
        """Likewise."""

    def abandon(self) -> None:
        """Likewise."""

    def example(self, number: int) -> None:
        """Likewise."""

    @contextmanager
    def stand_in(self, functions: Mapping[str, Callable[..., Any]]) -> Iterator[None]:
        """Within: names of the module mean the staff's functions."""
        before = {name: self._namespace.get(name, _ABSENT) for name in functions}
        self._namespace.update(functions)
        try:
            with self._own or nullcontext():
                yield
        finally:
            for name, value in before.items():
                if value is _ABSENT:
                    self._namespace.pop(name, None)
                else:
                    self._namespace[name] = value


class LocalModule:
    """The student's module; a name that it lacks is explained."""

    def __init__(self, name: str, namespace: dict[str, Any], failures: tuple[BaseException, ...]) -> None:
        self.__dict__.update(_name=name, _namespace=namespace, _watched=lambda name, value: value)
        self.__dict__.update(_failures=[(failure, failure.__traceback__) for failure in failures])

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name in self._namespace:
            return self._watched(name, self._namespace[name])
        for failure, where in self._failures:
            raise failure.with_traceback(where)  # as it was raised, and not with all the checks that met it since
        raise missing(self._name, name, [key for key in self._namespace if not key.startswith("_")], ())

    def __repr__(self) -> str:
        return f"<module {self._name!r}>"


def load(path: Path, name: str, withheld: Collection[str] = ()) -> Local:
    """Import a .py file, or run the code of a notebook that counts; what fails is raised when a check needs it."""
    path = path.resolve()
    sys.path.insert(0, str(path.parent))
    try:
        if path.suffix == ".ipynb":
            return run_cells(name, read_cells(path), withheld)
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        module.__dict__["__builtins__"] = builtins_without(withheld)
        sys.modules[name] = module
        files, failures = {str(path): path.name}, tuple[BaseException, ...]()
        try:
            spec.loader.exec_module(module)
        except BaseException as error:
            failures = (_failure(error, files),)
        return Local(name, module.__dict__, files, failures)
    finally:
        sys.path.remove(str(path.parent))


def run_cells(name: str, cells: tuple[Cell, ...], withheld: Collection[str] = ()) -> Local:
    """Run code cell by cell in one namespace; what fails is raised when a check needs it."""
    module = types.ModuleType(name)
    module.__dict__["__builtins__"] = builtins_without(withheld)
    sys.modules[name] = module
    files = {cell.filename: cell.filename for cell in cells}
    failures = []
    for cell in cells:
        linecache.cache[cell.filename] = (len(cell.source), None, cell.source.splitlines(keepends=True), cell.filename)
        try:
            exec(compile(cell.source, cell.filename, "exec"), module.__dict__)
        except BaseException as error:
            failures.append(_failure(error, files))
    return Local(name, module.__dict__, files, tuple(failures))


def of_notebook(name: str, namespace: dict[str, Any]) -> Local:
    """What a running notebook has defined, as it stands."""
    classes = [value for value in namespace.values() if isinstance(value, type)]
    values = [*namespace.values(), *(value for kind in classes for value in vars(kind).values())]
    functions = [value for value in values if getattr(value, "__globals__", None) is namespace]
    return Local(name, namespace, {function.__code__.co_filename: "notebook cell" for function in functions})


def _failure(error: BaseException, files: Mapping[str, str]) -> BaseException:
    """What to keep of an exception while loading; what is not the submission's own goes on its way."""
    if isinstance(error, Exception | SystemExit):
        return error
    if stopped := timed_out(error, files):
        return stopped
    raise error
