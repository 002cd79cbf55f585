"""One submission behind the boundary, and the life of the process that holds it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from grader.errors import SubmissionCrashed, SubmissionGone, WireError
from grader.model import Cell, Limits
from grader.remote.ahead import Ahead, Diverged, Plan, Recorder
from grader.remote.call import Call
from grader.remote.deadline import Deadline
from grader.remote.kinds import Answer, answer_in
from grader.remote.numbers import Numbers
from grader.remote.objects import NOTHING, RemoteModule, RemoteObject
from grader.remote.raised import SubmissionRaised, described, gone, name_limit
from grader.remote.record import SMALL, Record, RecordedCall, copied
from grader.sandbox.channel import Closed
from grader.sandbox.foretold import Foretold
from grader.sandbox.launch import current
from grader.sandbox.process import Process

READ_SECONDS = 2.0  # for all answers of a check; those that take longer are read as they come
OUTLAST_SECONDS = 0.02  # for answers that nobody wants any more: about what it takes to have another worker
LOADS = 2  # how often a submission may fail to load before it is given up
MIB = 1 << 20


class Session:
    """One submission; its worker starts at the first use, and again after it is gone.

    Args:
        name: of the module.
        cells: its code.
        limits: for loading, for each call, and for a whole check (see `begin`).
        start: starts its worker; in the sandbox of this process, if not given.

    Attributes:
        module: what checks call.
        replaced: the staff's functions that stand in now.
    """

    def __init__(
        self,
        name: str,
        cells: tuple[Cell, ...],
        limits: Limits,
        start: Callable[[Limits, tuple[Cell, ...]], Process] | None = None,
    ) -> None:
        self.name, self.cells, self.limits = name, cells, limits
        self._new_process = start or (lambda limits, cells: current().process(limits, cells))
        self.module = RemoteModule(self)
        self.replaced: Mapping[str, Callable[..., Any]] = NOTHING
        self._process: Process | None = None
        self._numbers: Numbers | None = None  # that were agreed on with this process
        self._kinds: dict[str, bool] = {}
        self._failures: list[SubmissionRaised] = []
        self._stood_in: Mapping[str, Callable[..., Any]] = NOTHING
        self._gone: list[SubmissionGone] = []  # how the last attempts to load it ended
        self._until: float | None = None
        self._record = Record()
        self._recorder: Recorder | None = None
        self._ahead: Ahead | None = None  # what was sent, and not asked for yet
        self._called: list[Foretold] = []  # the calls of functions of the checks during the last request
        self._asking = self._changed = False
        self._changes: Any = []  # that the answer to the last request told of

    @property
    def stand_ins(self) -> dict[str, Callable[..., Any]]:
        """The staff's functions that stand in, or stood in, during this check."""
        return dict(self._stood_in)

    def recorded(self) -> list[RecordedCall]:
        """The last calls of this check, without those of large arrays."""
        return self._record.calls()

    @property
    def process(self) -> Process:
        """Its worker, which is started if there is none."""
        self._start()
        assert self._process is not None
        return self._process

    def begin(self) -> None:
        """A check begins: its seconds start to count, its calls are kept."""
        self._record.clear()
        self._stood_in = NOTHING
        self._set_clock()

    def close(self) -> None:
        """End the worker, if there is one."""
        if self._process is not None:
            self._process.kill()
        self._process = self._numbers = self._ahead = None

    def anew(self) -> None:
        """The check begins again, with a new worker and all its seconds."""
        self.close()
        self._set_clock()

    def _set_clock(self) -> None:
        self._until = time.monotonic() + self.limits.check_seconds

    def note(self, recorder: Recorder | None) -> None:
        """From now on, requests are noted there."""
        self._recorder = recorder
        if recorder is not None:
            self._set_clock()
            self._renumber()
            recorder.stand_in(self.replaced)

    def _renumber(self) -> None:
        """Have the functions that are passed from now on be numbered as those of a check that begins."""
        if self._numbers is not None:
            self._numbers.revoke()
        self.replaced = dict(self.replaced) or NOTHING

    def expect(self, plan: Plan) -> None:
        """Send the requests that the check is about to make."""
        self._start()
        assert self._process is not None
        assert self._numbers is not None
        self._renumber()
        self._ahead = Ahead(plan)
        deadline = Deadline(self._process, self.limits.call_seconds, self._until, self.limits.check_seconds)
        try:
            self._process.channel.send(self._numbers.news(self.replaced) + self._ahead.frames(), deadline.at)
        except (TimeoutError, Closed):
            self.close()

    def transcript(self) -> bytes:
        """A digest of all answers to what was sent, which the check gets as ever; empty where that takes long.

        Equal digests are equal answers, so a check that has passed with one passes with the other.
        """
        if self._ahead is None or self._process is None or not self._ahead.fits(self._kinds):
            return b""
        return self._ahead.transcript(self._process.channel, min(READ_SECONDS, self.limits.call_seconds / 2))

    def answers(self, number: int) -> list[Answer] | None:
        """The answers to what was sent for an example, each by itself; None where they cannot be had so."""
        frames = None if self._ahead is None else self._ahead.said(number)
        try:
            return None if frames is None else [answer_in(frame) for frame in frames]
        except WireError:
            return None

    def skip(self, number: int) -> None:
        """The check goes past this example."""
        self.example(number)
        assert self._ahead is not None
        assert self._process is not None
        self._ahead.skip(number, self._process.channel)

    def in_step(self) -> bool:
        """Whether the check has asked all that was sent ahead, and nothing else before it."""
        return self._ahead is None or self._ahead.over

    def abandon(self) -> None:
        """The check is through with what was sent ahead; a worker that is still at work on it is ended."""
        ahead, self._ahead = self._ahead, None
        if ahead is None or ahead.over or self._process is None:
            return
        if not ahead.outlast(self._process.channel, OUTLAST_SECONDS):
            self.close()

    def example(self, number: int) -> None:
        """The check goes on to this example."""
        if self._recorder is not None:
            self._recorder.example()
        if self._ahead is not None and not self._ahead.example(number):
            raise Diverged

    @contextmanager
    def stand_in(self, functions: dict[str, Callable[..., Any]]) -> Iterator[None]:
        """Within: names of the module mean the staff's functions.

        The worker hears of it with the next request. At the end all functions that were passed are revoked: one that
        is kept does no work in another check.
        """
        self.replaced = self._stood_in = dict(functions) if functions else NOTHING
        self._let_go()
        try:
            yield
        finally:
            self.abandon()
            self.replaced = NOTHING
            if self._numbers is not None:
                self._numbers.revoke()
            self._let_go()

    def names(self, wanted: str = "") -> dict[str, bool]:
        """The names that the module defines, each with whether it can be called.

        Args:
            wanted: by a check.
        """
        self._start()
        if self._recorder is not None and wanted:
            self._recorder.names[wanted] = self._kinds.get(wanted)
        return self._kinds

    def failures(self) -> list[SubmissionRaised]:
        """What was raised while the module was loaded, cell by cell."""
        self._start()
        return self._failures

    def number(self, value: RemoteObject) -> int:
        """What the worker that runs now calls an object."""
        if self._numbers is None or value._process is not self._process:
            raise SubmissionCrashed("an object of your code was lost when its process ended")
        return self._numbers.of(value)

    def request(
        self, kind: str, names: tuple[Any, ...], args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] = NOTHING
    ) -> Any:
        """Send one request and return its value, or raise what the submission raised."""
        self._start()
        if self._ahead is not None and not self._asking:
            return self._expected(self._ahead, kind, names, args, kwargs)
        if self._recorder is not None:
            return self._noted(self._recorder, kind, names, args, kwargs)
        return self._request(self.limits.call_seconds, self._until, kind, names, args, kwargs)

    def _noted(
        self,
        recorder: Recorder,
        kind: str,
        names: tuple[Any, ...],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
    ) -> Any:
        args, kwargs = recorder.passes(args, kwargs)
        recorder.asks(kind, names, args, kwargs)
        answer = None
        try:
            value = self._request(self.limits.call_seconds, self._until, kind, names, args, kwargs)
            answer = Answer(self._changes, value)
        finally:
            recorder.answered(answer, self._changed, self._called)
        return recorder.gives(value)

    def _expected(
        self, ahead: Ahead, kind: str, names: tuple[Any, ...], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Any:
        """The answer to a request that was sent ahead; one that was not is made now."""
        assert self._process is not None
        assert self._numbers is not None
        deadline = Deadline(self._process, self.limits.call_seconds, self._until, self.limits.check_seconds)
        call = Call(self._process.channel, self._numbers, deadline, ahead.answers.name)
        message, buffers = call.ask(kind, names, args, kwargs)
        sent = "" if call.torn else ahead.expects(message, buffers)
        if not sent:
            if not ahead.over:
                raise Diverged
            self._ahead = None
            return self.request(kind, names, args, kwargs)
        value = None
        try:
            value = self._complete(call, deadline, kind, names, lambda: call.await_answer(sent, ahead.foretold))
        finally:
            ahead.answered(value, self._changed)
        return value

    def _let_go(self) -> None:
        """A worker that ended while nothing was asked of it costs no check anything: the next use starts another."""
        if self._process is not None and self._process.channel.ended():
            self.close()

    def _start(self) -> None:
        if self._process is not None:
            return
        if len(self._gone) >= LOADS:
            raise type(self._gone[-1])(*self._gone[-1].args)
        self._process = self._new_process(self.limits, self.cells)
        self._process.channel.limit = int(self.limits.answer_mb * MIB)
        self._numbers = Numbers(self, self._process)
        try:
            cells = [(cell.filename, cell.source) for cell in self.cells]
            loaded = (cells, *_own(self.limits))
            answer = self._request(self.limits.load_seconds, None, "load", (self.name,), loaded, NOTHING)
            self._kinds, self._failures = _loaded(answer)
            for failure in self._failures:
                name_limit(failure, self.limits)
        except (SubmissionRaised, WireError):
            self.close()
            self._gone.append(SubmissionCrashed("the process of your code answered nonsense while it was loaded"))
            raise self._gone[-1] from None
        except SubmissionGone as gone:
            self._gone.append(gone)
            raise
        self._gone.clear()

    def _request(
        self,
        seconds: float,
        until: float | None,
        kind: str,
        names: tuple[Any, ...],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
    ) -> Any:
        process, numbers = self._process, self._numbers
        assert process is not None
        assert numbers is not None
        deadline = Deadline(process, seconds, until, self.limits.check_seconds)
        call = Call(process.channel, numbers, deadline, noting=self._recorder is not None)
        message, buffers = call.ask(kind, names, args, kwargs)
        data = copied(buffers) if kind == "call" and names[0] == 0 else None
        news = numbers.news(self.replaced) if kind != "load" else []
        value: Any = None
        try:
            value = self._complete(call, deadline, kind, names, lambda: call.run(message, buffers, news))
            return value
        except SubmissionRaised as error:
            value = type(error)
            raise
        finally:
            if data is not None and call.received <= SMALL:
                self._record.add(names[1], (message[3], message[4]), data, value)

    def _complete(
        self, call: Call, deadline: Deadline, kind: str, names: tuple[Any, ...], action: Callable[[], Any]
    ) -> Any:
        """The value of the answer to a call, which `action` gets."""
        process, outer, self._asking = self._process, self._asking, True
        assert process is not None
        try:
            return action()
        except SubmissionRaised as error:
            name_limit(error, self.limits)
            raise
        except (TimeoutError, Closed, WireError) as error:
            if not call.open:  # raised by the check or by the submission
                raise
            name = names[1] if kind == "call" else None
            raise gone(error, name, deadline.seconds, process, self.limits) from None
        finally:
            self._asking, self._changed, self._called = outer, call.changed, call.noted
            self._changes = call.changes
            if call.open:
                self.close()


def _own(limits: Limits) -> tuple[tuple[str, ...], ...]:
    """What the worker is told of the work that is the submission's own."""
    return (limits.own_work.operations, limits.own_work.by_hand) if limits.own_work else ()


def _loaded(answer: Any) -> tuple[dict[str, bool], list[SubmissionRaised]]:
    match answer:
        case (dict(kinds), list(failures)) if all(type(key) is str for key in kinds):
            failed = [described(failure[1:]) for failure in failures if isinstance(failure, tuple)]
            return {key: value is True for key, value in kinds.items()}, failed
    raise WireError("what was loaded is malformed")
