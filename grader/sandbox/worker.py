"""The process that holds one submission: loads its code and answers calls.

Everything in this process belongs to the submission: it may patch whatever it likes, and gains nothing by that, because
verdicts are made on the other side. So there is no defence here, only service.

Requests are trees (see `grader.wire`): a kind, the id of the call, plain names and numbers, and the values among the
arguments, by place and by name:
    ["load", id, [module], [cells, ...], {}]    -> names that the module defines, and what failed to load; further
                                                   arguments are those of `OwnWork`
    ["call", id, [target, name | null], [...], {...}]   call the target, or its method
    ["get", id, [target, name], [], {}]   ["set", id, [target, name], [value], {}]
    ["operator", id, [name], [...], {}]         operator.add and so on, with the object on either side
    ["arrange", id, [name], [device, grant, slots], {}]   what calls of a function are to be timed (see `timed`);
    ["go", id, [first, end], [], {}]            make these of them;
    ["audit", id, [], [], {}]                   make the first -> the operations that it comes down to,
                                                and its largest tensor
    ["stand_in", id, [], [], {...}]             these names of the module mean these functions, and no others do;
    ["drop", id, handles, [], {}]               has no answer either
    ["ahead", id, [n, kept, sizes], [], {}]     nor has this: the next n requests are answered one after the other
A request among those of "ahead" may hold ["q", k, keys] for what the k-th of them was answered, or a part of that, if
k is among the kept. The data of "ahead" are what callbacks will be answered, one behind the other: these sizes, for
each request (see `grader.sandbox.foretold`).
Answers are ["ok", id, changes, value], ["error", id, changes, description] and ["callback", id, changes, number, [...],
{...}]; the last is answered by ["return", id, changes, value] or ["raise", id, changes], unless that is foretold.
"""

from __future__ import annotations

import builtins
import io
import linecache
import operator
import os
import sys
import tempfile
import traceback
import types
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from grader.errors import WireError
from grader.model import OwnWork, name_of
from grader.sandbox.channel import Channel, Closed
from grader.sandbox.foretold import words
from grader.sandbox.scope import Scope
from grader.wire import Decoder, Encoder, pack, pack_text, parse, written

ABSENT = object()
ALLOCATOR = "DefaultCPUAllocator"  # whom torch's RuntimeError names when there is no memory left
MAX_FRAMES = 12
MAX_MESSAGE = 2000


class CallbackFailed(Exception):
    """A function of the checks raised; the other side knows what."""


class Worker:
    """Answers requests about one module until the channel closes.

    Args:
        scratch: its folder.
        shared: the descriptor of memory that the checks share with it, if they do.
    """

    def __init__(self, channel: Channel, scratch: Path, shared: int | None = None) -> None:
        self._channel = channel
        self._scratch = scratch
        self._shared = shared
        self._timed: Any = None
        self._own: Any = None  # see `own_operations`, which few submissions need
        self._module = types.ModuleType("submission")
        self._objects: dict[int, Any] = {0: self._module}
        self._numbers: dict[int, int] = {id(self._module): 0}
        self._last = 0
        self._originals: dict[str, Any] = {}
        self._files: set[str] = set()
        self._scopes: list[Scope] = []
        self._callbacks: WeakValueDictionary[int | str, Callable[..., Any]] = WeakValueDictionary()
        self._waiting: deque[tuple[list[Any], memoryview]] = deque()  # requests that were sent ahead
        self._kept: set[int] = set()  # the numbers of those whose answers are named by others
        self._answers: dict[int, tuple[Any, bytes]] = {}  # these, as they were told
        self._next = 0  # the number of the first of those that wait
        self._foretold: deque[list[bytes]] = deque()  # what each of those that wait will be answered, sealed

    def serve(self) -> None:
        """Answer until the other side hangs up."""
        with suppress(Closed):
            while True:
                if self._waiting:
                    self._keep(self._next, self._answer(*self._waiting.popleft(), self._foretold.popleft()))
                    self._next += 1
                else:
                    self._answer(*self._channel.receive())

    def _answer(self, tree: list[Any], data: memoryview, foretold: Sequence[bytes] = ()) -> Any:
        kind, call, names, args, kwargs = tree
        if kind == "ahead":
            return self._ahead(names, data)
        scope = Scope(self, call, data, foretold)
        if kind in SILENT:
            return SILENT[kind](self, names, scope.decode([], kwargs)[1])
        self._scopes.append(scope)
        try:
            value = KINDS[kind](self, *names, *scope.decode(args, kwargs))
            self._tell(scope, "ok", value)
        except Closed:
            raise
        except BaseException as error:
            self._fail(scope, error)
            return None
        finally:
            self._scopes.pop()
            for number, passed in scope.changed():
                self._keep(number, passed)
        return value

    def _tell(self, scope: Scope, kind: str, *values: Any) -> None:
        self._channel.send(pack(*scope.encode(kind, *values)))

    def _fail(self, scope: Scope, error: BaseException) -> None:
        """Tell what was raised; or why it cannot be told what has changed."""
        try:
            self._tell(scope, "error", self._describe(error))
        except WireError as reason:
            self._tell(Scope(self, scope.call, memoryview(b"")), "error", self._describe(reason))

    def _load(self, name: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
        self._module.__name__ = name
        sys.modules[name] = self._module
        if own := args[1:]:
            from grader.sandbox.own_operations import OwnOperations

            self._own = OwnOperations(OwnWork(operations=own[0], by_hand=own[1]))
            self._own.__enter__()
        failures = []
        for filename, source in args[0]:
            self._files.add(filename)
            linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
            try:
                exec(compile(source, filename, "exec"), self._module.__dict__)
            except BaseException as error:
                failures.append((filename, *self._describe(error)))
        names = [name for name in vars(self._module) if type(name) is str and name[:1] != "_"]
        return {name: callable(vars(self._module)[name]) for name in names}, failures

    def _call(self, target: Any, name: str | None, args: list[Any], kwargs: dict[str, Any]) -> Any:
        called = self._target(target)
        if name is not None:
            called = getattr(called, name)
            if self._own is not None and target == 0:
                called = self._own.watched(name, called)
        return called(*args, **kwargs)

    def _get(self, target: Any, name: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
        return getattr(self._target(target), name)

    def _set(self, target: Any, name: str, args: list[Any], kwargs: dict[str, Any]) -> None:
        setattr(self._target(target), name, *args)

    def _arrange(self, name: str, args: list[Any], kwargs: dict[str, Any]) -> None:
        from grader.sandbox.timed import Calls  # which few submissions need

        self._timed = Calls(getattr(self._module, name), self._shared, *args)

    def _go(self, first: int, end: int, args: list[Any], kwargs: dict[str, Any]) -> None:
        self._timed.run(first, end)

    def _audit(self, args: list[Any], kwargs: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = self._timed.audit()
        return found

    def _target(self, target: int | list[Any]) -> Any:
        return self._scopes[-1].part(*target[1:]) if isinstance(target, list) else self._objects[target]

    def _keep(self, number: int, value: Any) -> None:
        if number in self._kept:
            self._answers.pop(number, None)
            encoder = Encoder(self.handle)
            with suppress(WireError):
                self._answers[number] = encoder.encode(value), b"".join(encoder.buffers)

    def answered(self, number: int) -> Any:
        """A copy of what a request that was sent ahead was answered."""
        tree, data = self._answers[number]
        return Decoder(memoryview(data), self.resolve).decode(tree)

    def _ahead(self, names: list[Any], data: memoryview) -> None:
        count, kept, sizes = names
        self._kept, self._next = set(kept), 0
        self._answers.clear()
        self._waiting.extend(self._channel.receive() for _ in range(count))
        file = io.BytesIO(data)
        self._foretold.extend([file.read(size) for size in some] for some in sizes)

    def _operator(self, name: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
        function = getattr(operator, name, None) or getattr(builtins, name)
        return function(*args)

    def _stand_in(self, names: list[Any], functions: dict[str, Any]) -> None:
        namespace = self._module.__dict__
        for name in self._originals.keys() - functions.keys():
            original = self._originals.pop(name)
            if original is ABSENT:
                namespace.pop(name, None)
            else:
                namespace[name] = original
        for name, function in functions.items():
            self._originals.setdefault(name, namespace.get(name, ABSENT))
            namespace[name] = function

    def _drop(self, handles: list[int], kwargs: dict[str, Any]) -> None:
        for handle in handles:
            if handle and handle in self._objects:
                del self._numbers[id(self._objects.pop(handle))]

    def handle(self, value: Any) -> list[Any]:
        """Name an object, so that the other side can ask about it."""
        number = self._numbers.get(id(value))
        if number is None:
            self._last += 1
            number = self._numbers[id(value)] = self._last
            self._objects[number] = value
        return ["h", number, type(value).__name__[:80]]

    def resolve(self, tag: str, args: list[Any]) -> Any:
        if tag == "h":
            return self._objects[args[0]]
        if tag == "k":
            return self._callback(args[0])
        raise ValueError(f"unknown tag {tag!r}")

    def save_file(self, name: str, content: bytes) -> Path:
        folder = Path(tempfile.mkdtemp(dir=self._scratch))
        path = folder / Path(name).name
        with open(path, "wb", opener=_read_only) as file:  # a chmod afterwards would be refused in the sandbox
            file.write(content)
        return path

    def _describe(self, error: BaseException) -> Any:
        """(names of its types, message, frames of the submission's own code)"""
        bases = [kind.__name__ for kind in type(error).__mro__ if kind not in (object, BaseException)]
        if isinstance(error, CallbackFailed):
            bases = ["CallbackFailed"]
        try:
            message = str(error)[:MAX_MESSAGE]
        except BaseException:
            message = ""
        if ALLOCATOR in message:
            bases.insert(0, "MemoryError")
        own = [
            (code.co_filename, line, name_of(code))
            for code, line in ((frame.f_code, line) for frame, line in traceback.walk_tb(error.__traceback__))
            if code.co_filename in self._files
        ]
        frames = [(*place, linecache.getline(place[0], place[1]).strip()[:200]) for place in own[-MAX_FRAMES:]]
        if isinstance(error, SyntaxError) and error.filename in self._files:
            frames.append((str(error.filename), error.lineno or 0, "", (error.text or "").rstrip()[:200]))
            message = str(error.msg)[:MAX_MESSAGE]
        return bases[:8], message, frames[-MAX_FRAMES:]

    def _callback(self, number: int | str) -> Callable[..., Any]:
        function = self._callbacks.get(number)
        if function is None:
            function = self._callbacks[number] = lambda *args, **kwargs: self._ask(number, args, kwargs)
        return function

    def _ask(self, number: int | str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call a function of the checks; gradients go through it."""
        if "torch" in sys.modules:
            from grader.sandbox.differentiable import needed, through

            if needed([*args, *kwargs.values()]):
                return through(self._ask_plainly, number, args, kwargs)
        return self._ask_plainly(number, args, kwargs)

    def _ask_plainly(self, number: int | str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call a function of the checks; answer other requests that come meanwhile."""
        scope = self._scopes[-1]
        tree, buffers = scope.ask(number, args, kwargs)
        text = written(tree)
        self._channel.send(pack_text(text, buffers))
        if answer := scope.foretold(words(text, scope.call, buffers)):
            tree, data = parse(answer[0]), memoryview(answer[1])
            return self._returned(scope, tree, data)
        while True:
            tree, data = self._channel.receive()
            if tree[1] != scope.call:
                self._answer(tree, data)
                continue
            return self._returned(scope, tree, data)

    def _returned(self, scope: Scope, tree: list[Any], data: memoryview) -> Any:
        values = scope.returned(tree[2], tree[3:], data)
        if tree[0] == "raise":
            raise CallbackFailed("a function that the check passed in raised an exception")
        return values[0]


KINDS: dict[str, Callable[..., Any]] = {
    "load": Worker._load,
    "call": Worker._call,
    "get": Worker._get,
    "set": Worker._set,
    "operator": Worker._operator,
    "arrange": Worker._arrange,
    "go": Worker._go,
    "audit": Worker._audit,
}
SILENT: dict[str, Callable[..., None]] = {
    "stand_in": Worker._stand_in,
    "drop": Worker._drop,
}


def _read_only(path: str, flags: int) -> int:
    return os.open(path, flags, 0o444)
