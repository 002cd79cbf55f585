"""The fork server: has the libraries loaded, and forks a worker for each submission.

Runs as `python -m grader.sandbox.server DESCRIPTOR FOLDER MODULES...`; never sees a submission, a check or an expected
value, because a worker has all of its memory. One thread, always: what another thread holds would be held for ever in
the worker.

The other side asks over a socket of packets, each a JSON object, and gets one JSON object back:
    {"fork": {layers, bounds}} with the worker's end of its channel, and perhaps the descriptor of memory that it shares
                                                                      -> {"pid", "scratch"} with a pidfd, or {"error"}
    {"end": pid}                                                      -> {"status"}, as of waitpid
"""

from __future__ import annotations

import array
import gc
import importlib
import json
import os
import platform
import random
import signal
import socket
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from grader.derandomised import derandomise
from grader.errors import SandboxError
from grader.sandbox import seccomp
from grader.sandbox.bubblewrap import readable
from grader.sandbox.channel import Channel
from grader.sandbox.isolate import Bounds, isolate, keep_only
from grader.sandbox.level import Layer
from grader.sandbox.scratch import remove
from grader.sandbox.worker import Worker
from grader.withheld import Withheld

PACKET = 1 << 16
SEED = 0  # the same for every submission: what draws from a global generator draws the same again
COMMON = (  # of the standard library and NumPy: what code for a course imports, some of it late
    "abc ast bisect collections contextlib copy csv dataclasses datetime decimal enum fractions functools glob hashlib "
    "heapq inspect io itertools json logging math numbers operator os pathlib pickle pprint random re statistics "
    "string struct tempfile textwrap time timeit types typing unittest warnings weakref zipfile "
    "numpy numpy.fft numpy.lib.stride_tricks numpy.linalg numpy.ma numpy.polynomial numpy.random numpy.testing"
).split()


class Server:
    """Forks workers until the other side hangs up.

    Args:
        control: the socket of packets.
        folder: where workers get their folders.
    """

    def __init__(self, control: socket.socket, folder: Path) -> None:
        self._control, self._folder = control, folder
        self._scratch: dict[int, Path] = {}
        self._forked = 0

    def serve(self) -> None:
        while True:
            message, descriptors = self._receive()
            if not message:
                return
            match json.loads(message):
                case {"fork": {"layers": layers, "bounds": bounds}}:
                    self._fork([Layer(layer) for layer in layers], Bounds(**bounds), descriptors)
                case {"end": pid}:
                    self._answer({"status": self._end(pid)})

    def _receive(self) -> tuple[bytes, list[int]]:
        message, ancillary, _, _ = self._control.recvmsg(PACKET, socket.CMSG_SPACE(2 * 4))
        descriptors = array.array("i")
        for _, _, data in ancillary:
            descriptors.frombytes(data)
        return message, list(descriptors)

    def _answer(self, answer: dict[str, Any], descriptors: tuple[int, ...] = ()) -> None:
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
        self._control.sendmsg([json.dumps(answer).encode()], rights)

    def _fork(self, layers: list[Layer], bounds: Bounds, ends: list[int]) -> None:
        self._forked += 1
        scratch = self._folder / f"worker-{self._forked}"
        scratch.mkdir(mode=0o700)
        readable(*bounds.withheld)  # is remembered, here and in the worker
        told, tell = os.pipe()
        pid = os.fork()
        if not pid:
            run_worker(layers, bounds, scratch, self._forked, ends, tell)
        os.close(tell)
        for end in ends:
            os.close(end)
        self._scratch[pid] = scratch
        with open(told, "rb") as pipe:  # ends when the worker is isolated
            problem = pipe.read().decode()
        if problem:
            self._end(pid)
            return self._answer({"error": problem})
        watched = os.pidfd_open(pid)
        self._answer({"pid": pid, "scratch": str(scratch)}, (watched,))
        return os.close(watched)

    def _end(self, pid: int) -> int:
        """End a worker and remove its folder; returns its status, as of waitpid."""
        os.kill(pid, signal.SIGKILL)  # not yet waited for: the number is still its own
        _, status = os.waitpid(pid, 0)
        remove(self._scratch.pop(pid))
        return status


def run_worker(layers: list[Layer], bounds: Bounds, scratch: Path, number: int, ends: list[int], tell: int) -> NoReturn:
    """Become a worker: in a new process, forked from the server."""
    try:
        os.setsid()
        keep_only(*ends, tell)
        os.chdir(scratch)
        os.environ.update(HOME=str(scratch), TMPDIR=str(scratch))
        tempfile.tempdir = None  # to be looked up again
        isolate(layers, bounds, scratch, number)
        reseed()
        os.close(tell)
    except BaseException as problem:
        os.write(tell, f"{type(problem).__name__}: {problem}"[:2000].encode())
        os._exit(1)
    status = 1
    try:
        Withheld(bounds.withheld).install()
        channel, *shared = ends
        Worker(Channel(socket.socket(fileno=channel)), scratch, *shared).serve()
        status = 0
    finally:  # nothing of the server's runs here, and no exit handler of the submission
        os._exit(status)


def reseed() -> None:
    """Workers start from the same state, whatever the server has drawn."""
    random.seed(SEED)
    sys.modules["numpy"].random.seed(SEED)
    if torch := sys.modules.get("torch"):
        torch.default_generator.manual_seed(SEED)  # torch.manual_seed looks for devices, which costs memory


def warm(modules: list[str]) -> None:
    """Load modules, and what they would load only when they are used.

    A first training step in a worker takes 1.6 s otherwise.
    """
    for name in COMMON:
        importlib.import_module(name)
    for name in modules:
        with suppress(ImportError):  # who imports it is told
            importlib.import_module(name)
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)
        torch.set_num_interop_threads(1)
        for name in ("torch.func", "torch.nn.functional", "torch.utils.data"):
            importlib.import_module(name)
        layer = torch.nn.Linear(2, 1)
        optimizer = torch.optim.Adam(layer.parameters())
        layer(torch.ones(1, 2)).sum().backward()
        optimizer.step()
        torch.func.vmap(torch.func.grad(lambda x: x**2))(torch.ones(3))
    if "matplotlib" in sys.modules:
        importlib.import_module("matplotlib.pyplot").figure().canvas.draw()
    if "hypothesis" in sys.modules:
        warm_hypothesis()


def warm_hypothesis() -> None:
    """Tests of a submission run alike every time (see `grader.derandomised`), and fast from the first one on."""
    derandomise()
    hypothesis, extra = importlib.import_module("hypothesis"), importlib.import_module("hypothesis.extra.numpy")
    x = extra.arrays("float64", extra.array_shapes(), elements=hypothesis.strategies.floats(-1, 1))
    hypothesis.given(x=x)(lambda x: None)()


def main() -> None:
    descriptor, folder, *modules = sys.argv[1:]
    control = socket.socket(fileno=int(descriptor))
    warm(modules)
    threads = os.listdir("/proc/self/task")
    if len(threads) != 1:
        sys.exit(f"{len(threads)} threads run after loading {', '.join(modules)}: workers cannot be forked")
    readable()  # is remembered, as is the filter
    with suppress(SandboxError):  # a machine without one; a level that takes it will not hold
        seccomp.template(platform.machine())
    gc.collect()
    gc.freeze()  # what is never collected is never written to, and stays shared
    control.send(b"{}")
    Server(control, Path(folder)).serve()


if __name__ == "__main__":
    main()
