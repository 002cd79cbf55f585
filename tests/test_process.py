import contextlib
import itertools
import json
import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path

import pytest

from grader.errors import SandboxError
from grader.model import Limits
from grader.sandbox import launch, process
from grader.sandbox.level import Level
from grader.sandbox.process import Forked, Server, Spawned
from grader.wire import pack

LEVELS = launch.available()
ISOLATED = [level for level in LEVELS if level is not Level.E]
INSIDE = Level.A in LEVELS
LIMITS = Limits(cpu_seconds=2, scratch_mb=8)
needs_isolation = pytest.mark.skipif(not ISOLATED, reason="this machine offers level E only")
_calls = itertools.count()


@pytest.fixture(scope="module", params=LEVELS)
def sandbox(request):
    opened = launch.Sandbox(request.param)
    yield opened
    opened.close()


@pytest.fixture
def worker(sandbox):
    started = sandbox.process(LIMITS)
    yield started
    started.kill()


@pytest.fixture
def server():
    with contextlib.closing(Server((), 8, inside=INSIDE)) as started:
        yield started


def ask(worker, kind, names, args=()):
    """The value of an answer, as the wire spells it."""
    worker.channel.send(pack([kind, f"call {next(_calls)}", names, args, {}], []))
    tree, _ = worker.channel.receive(time.monotonic() + 20)
    assert tree[0] == "ok", tree
    return tree[-1]


def run(worker, code):
    """What the code leaves as `result`."""
    _, _, failures = ask(worker, "load", ["m"], [["l", ["t", "m.py", code]]])
    assert failures == ["l"]
    return ask(worker, "get", [0, "result"])


def send(worker, code):
    worker.channel.send(pack(["load", "call", ["m"], [["l", ["t", "m.py", code]]], {}], []))


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def eventually(condition):
    deadline = time.monotonic() + 10
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return condition()


class TestEveryLevel:
    def test_a_worker_has_one_thread_no_terminal_and_a_folder_of_its_own(self, worker):
        code = """if True:
            import os, sys
            print("x" * 1_000_000)
            result = os.environ["OMP_NUM_THREADS"], os.getcwd() == os.environ["HOME"], sys.stdin.isatty(), os.listdir()
        """
        assert run(worker, code) == ["t", "1", True, False, ["l"]]

    def test_the_environment_of_the_checks_stays_with_them(self, monkeypatch, sandbox):
        monkeypatch.setenv("SECRET", "42")
        worker = sandbox.process(LIMITS)
        try:
            assert run(worker, "import os\nresult = 'SECRET' in os.environ") is False
        finally:
            worker.kill()

    def test_no_descriptor_but_its_channel_is_open(self, worker):
        code = """if True:
            import os
            def is_open(descriptor):
                try:
                    return bool(os.fstat(descriptor))
                except OSError:
                    return False
            result = sum(is_open(descriptor) for descriptor in range(3, 256))
        """
        assert run(worker, code) == 1

    @pytest.mark.parametrize(
        ("code", "ended"),
        [
            ("import os\nos._exit(3)", "exit status 3"),
            ("import os\nos.kill(os.getpid(), 9)", "killed by signal 9: killed, for example because memory ran out"),
            ("import os\nos.kill(os.getpid(), 15)", "killed by signal 15"),
            ("import ctypes\nctypes.string_at(0)", "killed by signal 11: segmentation fault"),
            ("while True: pass", "killed by signal 24: it used more processor time than it may"),
        ],
    )
    def test_the_end_of_a_worker_is_told_in_words(self, sandbox, code, ended):
        worker = sandbox.process(Limits(cpu_seconds=1, scratch_mb=8))
        try:
            send(worker, code)
            assert eventually(worker.exit_text)
            assert worker.exit_text() == ended
        finally:
            worker.kill()

    def test_a_worker_that_runs_has_not_ended(self, worker):
        assert worker.exit_text() == ""

    def test_killing_ends_the_worker_and_removes_its_folder(self, worker):
        run(worker, "import os\nos.makedirs('a/b')\nopen('a/b/kept', 'w').close()\nresult = 1")
        worker.kill()
        assert not worker.scratch.exists()
        with pytest.raises(OSError, match="Bad file descriptor"):
            worker.channel._end.getpeername()
        worker.kill()  # harmless again

    def test_a_worker_ends_when_the_checks_hang_up(self, worker):
        worker.channel.close()
        assert eventually(worker.exit_text)
        assert worker.exit_text() == "exit status 0"

    def test_the_hash_seed_is_the_same_for_all(self, sandbox):
        hashes = set()
        for _ in range(2):
            worker = sandbox.process(LIMITS)
            hashes.add(run(worker, "result = hash('x')"))
            worker.kill()
        assert len(hashes) == 1

    def test_the_processor_time_of_a_worker_is_told_where_the_system_tells_it(self, worker, monkeypatch):
        before = worker.cpu_seconds()
        run(worker, "result = sum(range(3_000_000))")
        assert worker.cpu_seconds() > before

        def refuse(clock):
            raise OSError

        monkeypatch.setattr(time, "clock_gettime", refuse)
        assert worker.cpu_seconds() is None


def test_the_environment_names_one_thread_for_each_library():
    assert {process.ENVIRONMENT[f"{name}_NUM_THREADS"] for name in ("OMP", "OPENBLAS", "MKL")} == {"1"}


def test_a_worker_that_was_started_afresh_takes_with_it_what_it_has_started():
    worker = Spawned(LIMITS)
    child = run(worker, "import subprocess\nresult = subprocess.Popen(['sleep', '60']).pid")
    assert alive(child)
    worker.kill()
    assert eventually(lambda: not alive(child))


@needs_isolation
class TestServer:
    def test_workers_share_its_libraries_and_none_of_its_state(self, server):
        draws = []
        for _ in range(2):
            worker = Forked(server, ISOLATED[0].layers, LIMITS)
            draws.append(run(worker, "import random, numpy\nresult = random.random(), numpy.random.rand()"))
            worker.kill()
        assert draws[0] == draws[1]

    def test_its_end_is_the_end_of_its_workers(self, server):
        worker = Forked(server, ISOLATED[0].layers, LIMITS)
        server.close()
        assert eventually(lambda: not alive(worker._pid))
        assert not server.running
        worker.kill()
        assert worker.exit_text().startswith("killed by signal 9")

    def test_a_server_that_is_gone_is_our_error(self, server):
        server.close()
        with pytest.raises(SandboxError, match="the fork server is gone"):
            Forked(server, ISOLATED[0].layers, LIMITS)

    def test_a_server_that_was_killed_is_our_error(self, server):
        server.kill()
        with pytest.raises(SandboxError, match=r"the fork server (is gone|ended)"):
            Forked(server, ISOLATED[0].layers, LIMITS)

    def test_a_server_that_does_not_answer_is_our_error(self, server, monkeypatch):
        monkeypatch.setattr(process, "ANSWER_SECONDS", 0.05)
        with pytest.raises(SandboxError, match=r"did not answer within 0\.05 s"):
            server.ask({"something": "else"})
        assert not server.running  # so that a late answer is never taken for another

    def test_a_worker_that_cannot_be_isolated_gets_no_submission(self, server):
        with pytest.raises(SandboxError, match="a worker cannot be isolated: ValueError: invalid literal"):
            server.ask({"fork": {"layers": [], "bounds": {"cpu_seconds": 1, "memory_mb": "x", "scratch_mb": 1}}}, 1)

    def test_a_library_that_is_not_there_is_told_to_who_imports_it(self):
        with contextlib.closing(Server(["there_is_none"], 8, inside=INSIDE)) as server:
            worker = Forked(server, ISOLATED[0].layers, LIMITS)
            _, _, (_, failure) = ask(worker, "load", ["m"], [["l", ["t", "m.py", "import there_is_none"]]])
            worker.kill()
            assert failure[2] == ["l", "ModuleNotFoundError", "ImportError", "Exception"]

    def test_a_server_that_cannot_start_says_why(self, monkeypatch):
        monkeypatch.setattr(process, "PYTHON", [sys.executable, "-I", "-c", "raise SystemExit('no room')"])
        with pytest.raises(SandboxError, match="the fork server ended: no room"):
            Server([], 8, inside=False)

    def test_a_program_that_is_not_there_is_named(self, monkeypatch):
        monkeypatch.setattr(process, "PYTHON", ["/there/is/none"])
        with pytest.raises(SandboxError, match="/there/is/none cannot be started"):
            Server([], 8, inside=False)

    def test_a_server_that_does_not_end_is_killed(self, monkeypatch, server):
        monkeypatch.setattr(process, "END_SECONDS", 0.05)
        os.kill(server._process.pid, signal.SIGSTOP)
        server.close()
        assert not server.running

    def test_nothing_is_left_of_a_server(self, server):
        folder = server._folder
        server.close()
        assert not folder.exists()


@pytest.mark.parametrize("told", ["pos:\t0\n", "pos:\t0\nPid:\t-1\n"])
def test_a_worker_without_a_number_is_an_error(monkeypatch, told):
    monkeypatch.setattr(Path, "read_text", lambda self, encoding: told)
    with pytest.raises(SandboxError, match="ended before it got any code, or the kernel does not tell its number"):
        process._pid(0)


def test_an_answer_with_an_error_is_raised_with_its_text(monkeypatch):
    server = Server.__new__(Server)
    server._one_at_a_time = threading.Lock()
    server._control, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with server._control, other:
        other.send(json.dumps({"error": "SandboxError: this kernel has no Landlock"}).encode())
        with pytest.raises(
            SandboxError, match="a worker cannot be isolated: SandboxError: this kernel has no Landlock"
        ):
            server.ask({"fork": {}})


def test_python_is_this_one_and_takes_nothing_from_the_working_folder():
    assert process.PYTHON[:3] == [sys.executable, "-P", "-B"]
