"""The sandbox of this process: the strongest level that holds, and the servers that fork its workers."""

from __future__ import annotations

import atexit
import os
import platform
import re
import threading
from collections.abc import Collection, Iterable
from functools import cache
from typing import TYPE_CHECKING

from grader.errors import SandboxError
from grader.model import Cell, Limits
from grader.sandbox.level import Layer, Level
from grader.sandbox.process import Forked, Process, Server, Spawned

if TYPE_CHECKING:
    from grader.sandbox.probe import Attempt

VARIABLE = "GRADER_SANDBOX"  # the environment variable that asks for one level
WARMED = frozenset({"hypothesis", "matplotlib", "scipy", "sklearn", "torch"})  # take long to load
IMPORTED = re.compile(r"^[ \t]*(?:from|import)[ \t]+(\w+)", re.MULTILINE)


class Sandbox:
    """Starts workers at one level; see `current` for the one to use.

    Attributes:
        attempts: what became of the attacks that its canaries tried; empty at level E, which stops none.
    """

    def __init__(self, level: Level) -> None:
        self.level = level
        self.attempts: list[Attempt] = []
        self._servers: list[Server] = []
        self._one_at_a_time = threading.RLock()
        self._owner = os.getpid()

    def process(self, limits: Limits, cells: Iterable[Cell] = (), shared: int | None = None) -> Process:
        """Start a worker.

        Args:
            cells: the code that it will load; what that imports is loaded in the server, if it is a well-known library.
            shared: the descriptor of memory that it gets.

        Raises:
            SandboxError: it cannot be started, which is no fault of the code.
        """
        if self.level is Level.E:
            return Spawned(limits, imports(cells) - set(limits.withheld), shared)
        return self.forked(self.level.layers, limits, imports(cells), shared)

    def forked(
        self, layers: Collection[Layer], limits: Limits, modules: Collection[str] = (), shared: int | None = None
    ) -> Process:
        """A worker behind these layers. A server that has ended is replaced once."""
        with self._one_at_a_time:
            inside = Layer.BUBBLEWRAP in layers
            server = self._server(modules, limits, inside)
            try:
                return Forked(server, layers, limits, shared)
            except SandboxError:
                if server.running:
                    raise
            self._servers.remove(server)
            server.close()
            return Forked(self._server(modules, limits, inside), layers, limits, shared)

    def close(self) -> None:
        """End all servers and their workers; in a process that was forked from the owner of them it does nothing."""
        while self._servers and self._owner == os.getpid():
            self._servers.pop().close()

    def keep_servers(self, *, inside: bool) -> None:
        """End those that are not inside bubblewrap, or those that are: they were there for single layers."""
        for server in [server for server in self._servers if server.inside is not inside]:
            self._servers.remove(server)
            server.close()

    def _server(self, modules: Collection[str], limits: Limits, inside: bool) -> Server:
        """One that has loaded these modules, and maybe more: a course needs few. Nothing that is withheld."""
        wanted = frozenset(modules).difference(limits.withheld)
        alike = [
            server
            for server in self._servers
            if (server.scratch_mb, server.inside) == (limits.scratch_mb, inside)
            and server.modules.isdisjoint(limits.withheld)
        ]
        for server in alike:
            if wanted <= server.modules:
                return server
        for server in alike:
            wanted |= server.modules
        self._servers.append(Server(wanted, limits.scratch_mb, inside=inside))
        return self._servers[-1]


def imports(cells: Iterable[Cell]) -> frozenset[str]:
    """The well-known libraries that some code may import."""
    return WARMED.intersection(*[{name for cell in cells for name in IMPORTED.findall(cell.source)}])


def open_sandbox(level: Level) -> Sandbox:
    """A sandbox of this level, which canaries have attacked in vain.

    Raises:
        SandboxError: this machine does not offer the level; says what failed.
    """
    sandbox = Sandbox(level)
    if level is Level.E:
        return sandbox
    if platform.system() != "Linux":
        raise SandboxError(f"level {level} takes Linux, this is {platform.system()}")
    if Layer.USER in level.layers and os.geteuid():
        raise SandboxError(f"level {level} takes root")
    from grader.sandbox.probe import probe  # which other systems cannot import

    try:
        sandbox.attempts = probe(level, lambda layers: sandbox.forked(layers, Limits()))
        bad = [str(attempt) for attempt in sandbox.attempts if not attempt.good]
        if bad:
            raise SandboxError("; ".join(bad))
    except BaseException:
        sandbox.close()
        raise
    sandbox.keep_servers(inside=Layer.BUBBLEWRAP in level.layers)
    return sandbox


def find() -> tuple[Sandbox, dict[Level, str]]:
    """The strongest sandbox of this machine, and why the stronger levels are not to be had."""
    missing: dict[Level, str] = {}
    for level in Level:
        try:
            return open_sandbox(level), missing
        except SandboxError as reason:
            missing[level] = str(reason)
    raise AssertionError("level E needs nothing")


@cache
def available() -> tuple[Level, ...]:
    """All levels that this machine offers, the strongest first."""
    found = []
    for level in Level:
        try:
            open_sandbox(level).close()
        except SandboxError:
            continue
        found.append(level)
    return tuple(found)


@cache
def _current(process: int) -> Sandbox:
    asked = os.environ.get(VARIABLE, "")
    if not asked:
        sandbox, _ = find()
    elif asked in set(Level):
        sandbox = open_sandbox(Level(asked))
    else:
        raise SandboxError(f"{VARIABLE} is {asked!r}; a level is one of {', '.join(Level)}")
    atexit.register(sandbox.close)
    return sandbox


def current() -> Sandbox:
    """The sandbox of this process, found at the first use: the strongest, or the level that GRADER_SANDBOX asks for.

    Raises:
        SandboxError: the level that is asked for is not to be had.
    """
    return _current(os.getpid())  # a forked process has its own


def close() -> None:
    """End the sandbox of this process; the next use finds one anew."""
    if _current.cache_info().currsize:
        sandbox = current()
        atexit.unregister(sandbox.close)
        sandbox.close()
        _current.cache_clear()
