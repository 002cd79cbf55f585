import os
import time

import pytest

from grader.sandbox import launch
from grader.sandbox.launch import Process
from grader.wire import pack


@pytest.fixture
def process():
    started = Process()
    yield started
    started.kill()


def load(process, source):
    """Send code to the worker, without waiting for its answer."""
    process.channel.send(pack(["load", "call", "m", ["l", ["t", "m.py", source]]], []))


def answer(process):
    return process.channel.receive(time.monotonic() + 20)[0]


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat") as stat:
        return stat.read().rpartition(")")[2].split()[0] != "Z"


def test_a_worker_has_one_thread_no_terminal_and_a_folder_of_its_own(process):
    code = "import os, sys\nassert os.environ['OMP_NUM_THREADS'] == '1'\nassert os.getcwd() == os.environ['HOME']\n"
    load(
        process,
        code + "assert not sys.stdin.isatty()\nassert 'SECRET' not in os.environ\nprint('x' * 1_000_000)\ndone = 1",
    )
    kind, call, changes, (_, kinds, failures) = answer(process)
    assert (kind, call, changes, failures) == ("ok", "call", [], ["l"])
    assert "done" in kinds


def test_the_environment_of_the_checks_stays_with_them(monkeypatch):
    monkeypatch.setenv("SECRET", "42")
    process = Process()
    try:
        load(
            process,
            "import os\nassert 'SECRET' not in os.environ\nassert set(os.listdir('/proc/self/fd')) - set('012')",
        )
        assert answer(process)[3][2] == ["l"]
    finally:
        process.kill()


@pytest.mark.parametrize(
    ("code", "ended"),
    [("import os\nos._exit(3)", "exit status 3"), ("import os\nos.kill(os.getpid(), 9)", "killed by signal 9")],
)
def test_the_end_of_a_worker_is_told_in_words(process, code, ended):
    load(process, code)
    assert process.exit_text() == ended


def test_a_worker_that_runs_has_not_ended(process):
    assert process.exit_text() == ""


def test_killing_ends_all_that_the_worker_started_and_removes_its_folder(process):
    load(
        process, "import subprocess\nchild = subprocess.Popen(['sleep', '60']).pid\nopen('kept', 'w').write(str(child))"
    )
    assert answer(process)[0] == "ok"
    child = int((process.scratch / "kept").read_text())
    assert alive(child)
    process.kill()
    deadline = time.monotonic() + 5
    while alive(child) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not alive(child)
    assert not process.scratch.exists()
    process.kill()  # harmless again


def test_a_worker_ends_when_the_checks_hang_up(process):
    process.channel.close()
    assert process.exit_text() == "exit status 0"


def test_the_hash_seed_is_the_same_for_all(process):
    load(process, "open('hash', 'w').write(str(hash('x')))")
    answer(process)
    other = Process()
    try:
        load(other, "open('hash', 'w').write(str(hash('x')))")
        answer(other)
        assert (process.scratch / "hash").read_text() == (other.scratch / "hash").read_text()
    finally:
        other.kill()


def test_the_environment_names_one_thread_for_each_library():
    assert {launch.ENVIRONMENT[f"{name}_NUM_THREADS"] for name in ("OMP", "OPENBLAS", "MKL")} == {"1"}


def test_the_processor_time_of_a_worker_is_told_where_the_system_tells_it(process, monkeypatch):
    used = process.cpu_seconds()
    assert used is None or used >= 0

    def refuse(clock):
        raise OSError

    monkeypatch.setattr(time, "clock_gettime", refuse)
    assert process.cpu_seconds() is None
