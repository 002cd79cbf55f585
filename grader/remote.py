"""The trusted side of the boundary: a submission that looks like a module but lives in another process.

A check calls `hw.softmax(S)` and cannot tell the difference from a module imported in its own process: arguments that
the submission changes in place are changed here too, functions passed in are called back, random generators advance,
exceptions arrive as instances of the same built-in type, and objects of no plain type arrive as handles.
"""

from __future__ import annotations

import builtins
import difflib
import math
import secrets
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grader.errors import SubmissionCrashed, SubmissionGone, SubmissionTimeout, WireError
from grader.model import Cell, Frame, Limits
from grader.sandbox.channel import Closed
from grader.sandbox.launch import current
from grader.sandbox.process import Process
from grader.sandbox.shared import Shared
from grader.text import plain
from grader.wire import Decoder, Encoder, pack


class SubmissionRaised(Exception):
    """An exception that the submission raised; concrete instances are of the same built-in type, too."""

    type_name: str = "Exception"
    message: str = ""
    frames: tuple[Frame, ...] = ()

    def __str__(self) -> str:
        return self.message


class MissingName(AttributeError):
    """The submission does not define a name that a check asks for."""


_RAISED: dict[str, type[SubmissionRaised]] = {}
LOADS = 2  # how often a submission may fail to load before it is given up
PREPARATION = ("load", "replace", "restore")  # not counted against the seconds of a check
PATIENCE = 5  # times its seconds a call may take by the clock, if it could not compute for so long
SHORT = 0.05  # seconds of computing that are not worth waiting for
RECORDED = 40  # calls of a check that are kept, to find out which mistake they show


def raised(bases: list[str], message: str, frames: tuple[Frame, ...]) -> SubmissionRaised:
    """An exception that stands for one of the submission, as the nearest built-in type of which it is one."""
    kind: Any = Exception
    for base in [*bases, "Exception"]:
        kind = getattr(builtins, base, None)
        if isinstance(kind, type) and issubclass(kind, Exception) and not issubclass(kind, ExceptionGroup):
            break
    name = kind.__name__
    if name not in _RAISED:
        # Kept, so that Hypothesis sees the same error as the same.
        _RAISED[name] = type(name, (SubmissionRaised, kind), {"__init__": lambda self: Exception.__init__(self)})
    error = _RAISED[name]()
    error.type_name = plain(bases[0] if bases else "Exception", 80)
    error.message, error.frames = message, frames
    return error


@dataclass(frozen=True, kw_only=True)
class RecordedCall:
    """A call of a function of the module as it went over the boundary, and what came of it."""

    name: str
    tree: list[Any]
    buffers: list[bytes]
    value: Any  # what was returned, or the type of the exception

    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Rebuild (args, kwargs) afresh; WireError if they hold what exists only there, such as handles."""

        def refuse(tag: str, args: list[Any]) -> Any:
            raise WireError(f"{tag!r} cannot be rebuilt")

        decoder = Decoder(memoryview(b"".join(self.buffers)), refuse)
        args, kwargs = decoder.decode(self.tree[0]), decoder.decode(self.tree[1])
        return args, kwargs


class Session:
    """One submission behind the boundary; its worker starts at the first use, and again after it is gone.

    Args:
        name: of the module.
        cells: its code.
        limits: seconds for loading, for each call, and for a whole check (see `begin`).
    """

    def __init__(self, name: str, cells: tuple[Cell, ...], limits: Limits) -> None:
        self.name, self.cells, self.limits = name, cells, limits
        self.module = RemoteModule(self)
        self._process: Process | None = None
        self._proxies: weakref.WeakValueDictionary[int, RemoteObject] = weakref.WeakValueDictionary()
        self._dropped: list[int] = []
        self._kinds: dict[str, bool] = {}
        self._failures: list[SubmissionRaised] = []
        self._replaced: dict[str, Callable[..., Any]] = {}
        self._stood_in: dict[str, Callable[..., Any]] = {}
        self._gone: list[SubmissionGone] = []  # how the last attempts to load it ended
        self._callbacks: dict[int, Callable[..., Any]] = {}
        self._callback_numbers: dict[int, int] = {}
        self._next_callback = 0
        self._until: float | None = None
        self._recorded: deque[RecordedCall] = deque(maxlen=RECORDED)

    @property
    def stand_ins(self) -> dict[str, Callable[..., Any]]:
        """The staff's functions that stand in, or stood in, during this check."""
        return dict(self._stood_in)

    def recorded(self) -> list[RecordedCall]:
        """The last calls of this check."""
        return list(self._recorded)

    def begin(self) -> None:
        """A check begins: its seconds start to count, its calls are kept."""
        self._recorded.clear()
        self._stood_in = {}
        self._until = time.monotonic() + self.limits.check_seconds

    def close(self) -> None:
        """End the worker, if there is one."""
        if self._process is not None:
            self._process.kill()
        self._process = None
        self._proxies.clear()
        self._dropped.clear()
        self._revoke()

    def request(self, kind: str, *args: Any, seconds: float | None = None) -> Any:
        """Send one request and return its value, or raise what the submission raised."""
        self._start()
        return self._request(kind, *args, seconds=seconds or self.limits.call_seconds)

    @contextmanager
    def stand_in(self, functions: dict[str, Callable[..., Any]]) -> Iterator[None]:
        """Within: names of the module mean the staff's functions.

        At the end all functions that were passed are revoked: one that is kept does no work in another check.
        """
        self._replaced = self._stood_in = dict(functions)
        try:
            with suppress(SubmissionGone):  # the first use starts a new worker
                self._replace()
            yield
        finally:
            self._replaced = {}
            with suppress(SubmissionGone):
                self._restore(functions)
            self._revoke()

    def names(self) -> dict[str, bool]:
        """The names that the module defines, each with whether it can be called."""
        self._start()
        return self._kinds

    def failures(self) -> list[SubmissionRaised]:
        """What was raised while the module was loaded, cell by cell."""
        self._start()
        return self._failures

    def drop(self, process: Process, handle: int) -> None:
        """Forget an object of the submission; said with the next request."""
        if process is self._process:
            self._dropped.append(handle)

    def dropped(self) -> list[int]:
        """The objects to be forgotten; not those that came back meanwhile."""
        dropped, self._dropped = self._dropped, []
        return [handle for handle in dropped if handle not in self._proxies]

    def number(self, value: RemoteObject) -> int:
        """What the worker that runs now calls an object."""
        if value._session is not self:
            raise TypeError("an object of one submission cannot be passed to another")
        if value._process is not self._process:
            raise SubmissionCrashed("an object of your code was lost when its process ended")
        handle: int = value._handle
        return handle

    def _start(self) -> None:
        if self._process is not None:
            return
        if len(self._gone) >= LOADS:
            raise type(self._gone[-1])(*self._gone[-1].args)
        self._process = current().process(self.limits, self.cells)
        try:
            cells = [(cell.filename, cell.source) for cell in self.cells]
            answer = self._request("load", self.name, cells, seconds=self.limits.load_seconds)
            self._kinds, self._failures = self._loaded(answer)
        except (SubmissionRaised, WireError):
            self.close()
            raise SubmissionCrashed("the process of your code answered nonsense while it was loaded") from None
        except SubmissionGone as gone:
            self._gone.append(gone)
            raise
        self._gone.clear()
        self._replace()

    def _loaded(self, answer: Any) -> tuple[dict[str, bool], list[SubmissionRaised]]:
        match answer:
            case (dict(kinds), list(failures)) if all(type(key) is str for key in kinds):
                failed = [self._raised(failure[1:]) for failure in failures if isinstance(failure, tuple)]
                return {key: value is True for key, value in kinds.items()}, failed
        raise WireError("what was loaded is malformed")

    def _replace(self) -> None:
        if self._process is not None:
            for name, function in self._replaced.items():
                self._request("replace", name, function, seconds=self.limits.call_seconds)

    def _restore(self, names: Iterable[str]) -> None:
        if self._process is not None:
            for name in names:
                self._request("restore", name, seconds=self.limits.call_seconds)

    def _revoke(self) -> None:
        self._callbacks.clear()
        self._callback_numbers.clear()

    def _request(self, kind: str, *args: Any, seconds: float) -> Any:
        assert self._process is not None
        process = self._process
        call = Call(self, process, seconds, None if kind in PREPARATION else self._until)
        try:
            return self._record(call, kind, args)
        except (TimeoutError, Closed, WireError) as error:
            if not call.open:  # raised by the check or by the submission
                raise
            raise self._gone_because(error, call, process, args[1] if kind == "call" else "") from None
        finally:
            if call.open:
                self.close()

    @staticmethod
    def _gone_because(error: Exception, call: Call, process: Process, name: str | None) -> SubmissionGone:
        match error:
            case TimeoutError():
                return SubmissionTimeout(f"{name or 'it'} did not return within {call.seconds:g} s")
            case Closed():
                ended = process.exit_text() or "it closed the connection"
                return SubmissionCrashed(f"your code ended its own process ({ended})")
        return SubmissionCrashed(f"the process of your code sent an answer that cannot be read: {plain(str(error))}")

    def _record(self, call: Call, kind: str, args: tuple[Any, ...]) -> Any:
        value: Any = None
        try:
            value = call.run(kind, args)
        except SubmissionRaised as error:
            value = type(error)
            raise
        finally:
            if kind == "call" and args[0] == 0 and call.sent is not None:
                self._recorded.append(
                    RecordedCall(name=args[1], tree=call.sent[0][2:], buffers=call.sent[1], value=value)
                )
        return value

    def callback(self, number: int) -> Callable[..., Any]:
        """A function of the checks that the submission was given."""
        if number not in self._callbacks:
            raise WireError("it calls a function that it was not given, or in a check that is over")
        return self._callbacks[number]

    def _callback_number(self, function: Callable[..., Any]) -> int:
        number = self._callback_numbers.setdefault(id(function), self._next_callback)
        if number == self._next_callback:
            self._callbacks[number] = function
            self._next_callback += 1
        return number

    def encoder(self, table: list[Any], kept: list[RemoteObject]) -> Encoder:
        """An encoder for values on their way to the worker; `kept` holds the objects that it found for functions."""

        def foreign(value: Any) -> list[Any]:
            if isinstance(value, RemoteObject):
                return ["h", self.number(value)]
            if isinstance(value, RemoteFunction):
                kept.append(value._object())
                return foreign(kept[-1])
            if isinstance(value, Path):
                content = value.read_bytes()
                encoder.buffers.append(content)
                return ["p", value.name, len(content)]
            if callable(value):
                return ["k", self._callback_number(value)]
            raise TypeError(f"a check cannot pass a {type(value).__name__} to a submission")

        encoder = Encoder(foreign, table)
        return encoder

    def decoder(self, data: memoryview, table: list[Any]) -> Decoder:
        """A decoder for values that come from the worker."""
        return Decoder(data, self._resolve, table)

    def _resolve(self, tag: str, args: list[Any]) -> RemoteObject:
        if tag != "h" or len(args) != 2 or type(args[0]) is not int or type(args[1]) is not str:
            raise WireError(f"unknown tag {plain(tag, 20)!r}")
        known = self._proxies.get(args[0])
        if known is None:
            assert self._process is not None
            known = self._proxies[args[0]] = RemoteObject(self, self._process, args[0], plain(args[1], 80))
        return known

    def _raised(self, description: Any) -> SubmissionRaised:
        match description:
            case (list(bases), str(message), list(frames)) if all(type(base) is str for base in bases):
                return raised(bases, message, tuple(_frame(frame) for frame in frames))
        raise WireError("an exception is malformed")


def _frame(frame: Any) -> Frame:
    match frame:
        case (str(filename), int(line), str(function), str(code)):
            return Frame(plain(filename), line, plain(function), plain(code))
    raise WireError("a traceback is malformed")


class Call:
    """One request and all that goes back and forth until its answer.

    Attributes:
        open: whether the worker owes an answer; if so, nothing else can be asked of it.
        sent: the request as it went over the boundary.
    """

    def __init__(self, session: Session, process: Process, seconds: float, until: float | None) -> None:
        self._session, self._process, self._channel = session, process, process.channel
        self._id = secrets.token_hex(8)
        deadline = time.monotonic() + seconds
        self.seconds = seconds if until is None or deadline <= until else session.limits.check_seconds
        self._deadline = deadline if until is None else min(deadline, until)
        self._latest = min(self._deadline + (PATIENCE - 1) * seconds, math.inf if until is None else until)
        self._cpu = process.cpu_seconds()
        self._shared = Shared()
        self._kept: list[RemoteObject] = []
        self._failed: BaseException | None = None
        self.open = False
        self.sent: tuple[list[Any], list[bytes]] | None = None

    def run(self, kind: str, args: tuple[Any, ...]) -> Any:
        parts = self._asked(kind, args)
        if dropped := self._session.dropped():
            parts = [*pack(["drop", self._id, dropped], []), *parts]
        self.open = True
        self._channel.send(parts, self._deadline)
        while True:
            self._channel.more_time = self._more_time  # a call from within a callback has set its own
            answer, values = self._answer(*self._channel.receive(self._deadline))
            match answer, values:
                case "ok", [value]:
                    self.open = False
                    return value
                case "error", [description]:
                    error = self._error(description)
                    self.open = False
                    raise error
                case "callback", [int(number), tuple(args), dict(kwargs)]:
                    self._call_back(self._session.callback(number), args, kwargs)
                case _:
                    raise WireError("an answer is of no known kind")

    def _more_time(self) -> float:
        """A later deadline for a process that could not compute for as long as it may, because the machine is busy."""
        now, used = time.monotonic(), self._process.cpu_seconds()
        if self._cpu is None or used is None or now >= self._latest:
            raise TimeoutError
        left = self.seconds - (used - self._cpu)
        if left < SHORT:
            raise TimeoutError
        self._deadline = min(now + left, self._latest)
        return self._deadline

    def _asked(self, kind: str, args: tuple[Any, ...]) -> list[bytes]:
        encoder = self._session.encoder(self._shared.table, self._kept)
        body = [encoder.encode(arg) if self._is_value(kind, place) else arg for place, arg in enumerate(args)]
        self.sent = body, encoder.buffers
        return pack([kind, self._id, *body], encoder.buffers)

    def _answer(self, tree: Any, data: memoryview) -> tuple[Any, list[Any]]:
        """The kind and values of an answer, after the changes that it tells were made."""
        if type(tree) is not list or len(tree) < 3 or tree[1] != self._id:
            raise WireError("an answer belongs to no call")
        decoder = self._session.decoder(data, self._shared.table)
        values = self._shared.decode(decoder, tree[2], tree[3:])
        decoder.finish()
        return tree[0], values

    @staticmethod
    def _is_value(kind: str, place: int) -> bool:
        """Whether an argument of a request is a value of the checks, not a name or number of the protocol."""
        return (kind, place) in {
            ("load", 1), ("call", 2), ("call", 3), ("set", 2), ("operator", 1), ("replace", 1),
        }  # fmt: skip

    def _call_back(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        began = time.monotonic()
        given = self._shared.passing
        self._shared.note()
        try:
            parts = self._told("return", function(*args, **kwargs))
        except Exception as error:
            self._failed = error
            parts = self._told("raise")
        self._shared.forget(given, self._shared.passing)
        taken = time.monotonic() - began  # time that is not the submission's
        self._deadline, self._latest = self._deadline + taken, self._latest + taken
        self._channel.send(parts, self._deadline)

    def _told(self, kind: str, *values: Any) -> list[bytes]:
        encoder = self._session.encoder(self._shared.table, self._kept)
        changes, body = self._shared.encode(encoder, values)
        return pack([kind, self._id, changes, *body], encoder.buffers)

    def _error(self, description: Any) -> BaseException:
        error = self._session._raised(description)
        if error.type_name == "CallbackFailed" and self._failed is not None:
            return self._failed
        return error


class RemoteModule:
    """The module that was submitted."""

    def __init__(self, session: Session) -> None:
        self.__dict__.update(_session=session, _functions={})

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        kinds = self._session.names()
        if name in self._session._replaced or kinds.get(name):
            return self._functions.setdefault(name, RemoteFunction(self._session, name))
        if name in kinds:
            return self._session.request("get", 0, name)
        raise missing(self._session.name, name, list(kinds), self._session.failures())

    def __repr__(self) -> str:
        return f"<module {self._session.name!r} of the submission>"


def missing(module: str, name: str, defined: list[str], failures: Sequence[BaseException]) -> BaseException:
    """The error for a name that a module does not define: why it failed to load, or what is near it."""
    if failures:
        return failures[0].with_traceback(None)
    near = difflib.get_close_matches(name, defined, n=1)
    hint = f" It defines {plain(near[0])!r}: is that a misspelling?" if near else ""
    return MissingName(f"{module} does not define {name!r}.{hint}")


class RemoteFunction:
    """A function or class of the submitted module, called by its name."""

    def __init__(self, session: Session, name: str) -> None:
        self._session, self.__name__ = session, name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._session.request("call", 0, self.__name__, args, kwargs)

    def _object(self) -> RemoteObject:
        handle = self._session.request("get", 0, self.__name__)
        assert isinstance(handle, RemoteObject)
        return handle

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._object(), name)

    def __instancecheck__(self, value: Any) -> bool:
        if not isinstance(value, RemoteObject):
            return False
        return self._session.request("operator", "isinstance", (value, self._object())) is True

    def __repr__(self) -> str:
        return f"<{self.__name__} of the submission>"


class RemoteObject:
    """An object of the submission. Equality is identity: what a submission says of `==` decides nothing."""

    __array_ufunc__ = None  # ndarray * handle reaches the submission's own operator

    def __init__(self, session: Session, process: Process, handle: int, type_name: str) -> None:
        self.__dict__.update(_session=session, _process=process, _handle=handle, _type_name=type_name)
        weakref.finalize(self, session.drop, process, handle).atexit = False

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._session.request("get", self._session.number(self), name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._session.request("set", self._session.number(self), name, value)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._session.request("call", self._session.number(self), None, args, kwargs)

    def __iter__(self) -> Iterator[Any]:
        iterator = self._session.request("operator", "iter", (self,))
        while True:
            try:
                yield self._session.request("operator", "next", (iterator,))
            except StopIteration:
                return

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError(f"an object of type {self._type_name} is no array")

    def __repr__(self) -> str:
        return f"<{self._type_name} of the submission>"


def _forward(name: str, operator: str, reflected: bool = False) -> None:
    def method(self: RemoteObject, *args: Any) -> Any:
        operands = (*args, self) if reflected else (self, *args)
        return self._session.request("operator", operator, operands)

    method.__name__ = name
    setattr(RemoteObject, name, method)


for _name in "add sub mul truediv floordiv mod pow matmul lshift rshift xor and_ or_".split():
    _bare = _name.rstrip("_")
    _forward(f"__{_bare}__", _name)
    _forward(f"__r{_bare}__", _name, reflected=True)
    _forward(f"__i{_bare}__", f"i{_bare}")
for _name in "neg pos abs invert getitem setitem delitem contains lt le gt ge len float int next".split():
    _forward(f"__{_name}__", _name)
_forward("__bool__", "truth")
