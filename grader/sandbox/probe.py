"""Finds out by attack what a level keeps from a submission: each of its layers alone, then all together."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grader.errors import SandboxError, WireError
from grader.sandbox.canary import HARMFUL, HARMLESS
from grader.sandbox.channel import Channel, Closed
from grader.sandbox.level import Layer, Level
from grader.sandbox.process import Process
from grader.wire import Decoder, Encoder, pack

SECONDS = 60.0  # for all attempts of one canary, on a machine that has much else to do
CANARY = Path(__file__).with_name("canary.py")

FILES = frozenset(("read a private file", "change a file", "make a file", "remove a file", "run a program"))
SOCKETS = frozenset(
    ("connect by TCP", "connect by MPTCP", "send by UDP", "connect to a socket file", "connect to an abstract socket")
)
STOPS: dict[Layer, frozenset[str]] = {  # what a layer must stop by itself
    Layer.BUBBLEWRAP: FILES
    | {"see that a file exists", "read a file that everybody may read", "list a folder", "connect to a socket file"}
    | {"connect by TCP", "connect by MPTCP", "connect to an abstract socket"},  # by UDP it sends, to nobody
    Layer.LANDLOCK: FILES
    | {"read a file that everybody may read", "list a folder", "see the grader's environment", "trace the grader"},
    Layer.SCOPE: frozenset({"signal the grader", "connect to an abstract socket"}),
    Layer.SECCOMP: SOCKETS
    | {"run a program", "fork", "change the rights of a file", "signal the grader", "look into the grader's memory"}
    | {"trace the grader", "limit the grader", "make a user namespace", "make a file in memory", "make shared memory"},
    Layer.USER: FILES | {"change the rights of a file", "see the grader's environment"},
}
ALWAYS = frozenset({"use an inherited descriptor", "read the grader's variables"})
ALONE = (
    frozenset({Layer.BUBBLEWRAP}),
    frozenset({Layer.LANDLOCK}),
    frozenset({Layer.LANDLOCK, Layer.SCOPE}),
    frozenset({Layer.SECCOMP}),
)


@dataclass(frozen=True)
class Attempt:
    """What became of one attempt.

    Attributes:
        layers: that stood against it.
        stopped: by what; empty if it got through.
        good: whether that is as it must be.
    """

    layers: frozenset[Layer]
    name: str
    stopped: str
    good: bool

    def __str__(self) -> str:
        return f"{' + '.join(sorted(self.layers))}: {self.name}: {self.stopped or 'it got through'}"


Start = Callable[[Collection[Layer]], Process]


def probe(level: Level, start: Start) -> list[Attempt]:
    """Let canaries attack a level.

    Args:
        start: starts a worker behind the given layers.

    Returns:
        The attempts that have a right outcome: what a layer, or all together, must stop, and what must work.

    Raises:
        SandboxError: no worker can be started, or one behaves in no way that was foreseen.
    """
    attempts: list[Attempt] = []
    for layers in [*(layers for layers in ALONE if layers < level.layers), level.layers]:
        promised = frozenset[str]().union(ALWAYS, *(STOPS[layer] for layer in layers))
        for name, stopped in attack(lambda layers=layers: start(layers)).items():  # type: ignore[misc]
            if name in promised or name in HARMLESS:
                attempts.append(Attempt(layers, name, stopped, bool(stopped) == (name in promised)))
    return attempts


def attack(start: Callable[[], Process]) -> dict[str, str]:
    """What a canary says of each attempt, unless the facts say otherwise."""
    with targets() as (target, facts):
        process = start()
        try:
            said = _run(process, target)
        finally:
            process.kill()
        return said | dict.fromkeys(facts(), "")


def _run(process: Process, target: dict[str, Any]) -> dict[str, str]:
    try:
        match _ask(process.channel, "load", ["canary"], [("canary.py", CANARY.read_text("utf-8"))]):
            case (_, [failure, *_]):
                raise SandboxError(f"the canary cannot be loaded: {': '.join(map(str, failure[1:3]))}")
        said = _ask(process.channel, "call", [0, "attempt"], target)
    except (Closed, TimeoutError, WireError) as error:
        raise SandboxError(f"the canary did not come back: {process.exit_text() or repr(error)}") from None
    if not isinstance(said, dict) or set(said) != {*HARMFUL, *HARMLESS}:
        raise SandboxError(f"the canary could not be run: {said}")
    return {name: str(outcome) for name, outcome in said.items()}


def _ask(channel: Channel, kind: str, names: list[Any], argument: Any) -> Any:
    """One request in the worker's own words (see `grader.sandbox.worker`)."""
    encoder = Encoder(lambda value: [])
    body = [names, [encoder.encode(argument)], {}]
    deadline = time.monotonic() + SECONDS
    channel.send(pack([kind, "canary", *body], encoder.buffers), deadline)
    tree, data = channel.receive(deadline)
    return Decoder(data, lambda tag, arguments: None, list(encoder.table)).decode(tree[-1])


@contextmanager
def targets() -> Iterator[tuple[dict[str, Any], Callable[[], set[str]]]]:
    """What a canary attacks; and what of it was hit, whatever the canary says."""
    folder = Path(tempfile.mkdtemp(prefix="grader-"))
    try:
        folder.chmod(0o755)
        private, public, victim, socket_file = (folder / name for name in ("private", "public", "victim", "socket"))
        for path, mode in ((private, 0o600), (public, 0o644), (victim, 0o644)):
            path.write_bytes(b"secret")
            path.chmod(mode)
        abstract, variable = secrets.token_hex(8), f"GRADER_{secrets.token_hex(8)}"
        with contextlib.ExitStack() as stack:
            tcp = _listener(stack, socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0))
            udp = _listener(stack, socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0))
            unix = _listener(stack, socket.AF_UNIX, socket.SOCK_STREAM, str(socket_file))
            hidden = _listener(stack, socket.AF_UNIX, socket.SOCK_STREAM, "\0" + abstract)
            socket_file.chmod(0o777)
            os.environ[variable] = "secret"
            stack.callback(os.environ.pop, variable)
            names = {"private": private, "public": public, "victim": victim, "folder": folder, "socket": socket_file}
            target = {name: str(path) for name, path in names.items()} | {
                "tcp": tcp.getsockname()[1], "udp": udp.getsockname()[1], "abstract": abstract, "variable": variable,
                "pid": os.getpid(), "program": shutil.which("touch") or "/usr/bin/touch",
            }  # fmt: skip

            def facts() -> set[str]:
                facts = {
                    "change a file": private.read_bytes() != b"secret",
                    "change the rights of a file": private.stat().st_mode & 0o777 != 0o600,
                    "make a file": (folder / "made").exists(),
                    "remove a file": not victim.exists(),
                    "send by UDP": _reached(udp),
                    "connect to a socket file": _reached(unix),
                    "connect to an abstract socket": _reached(hidden),
                    "connect by TCP": _reached(tcp),
                }
                return {name for name, true in facts.items() if true}

            yield target, facts
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _listener(stack: contextlib.ExitStack, family: int, kind: int, address: Any) -> socket.socket:
    listener = stack.enter_context(socket.socket(family, kind))
    listener.bind(address)
    listener.setblocking(False)
    if kind == socket.SOCK_STREAM:
        listener.listen()
    return listener


def _reached(listener: socket.socket) -> bool:
    try:
        if listener.type == socket.SOCK_STREAM:
            listener.accept()[0].close()
        else:
            listener.recv(1)
    except BlockingIOError:
        return False
    return True
