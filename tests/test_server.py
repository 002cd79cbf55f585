import os
import random
import stat
from pathlib import Path

import numpy as np
import pytest

from grader.errors import SandboxError
from grader.sandbox import process, server
from grader.sandbox.process import Server
from tests.child import run


def test_every_worker_draws_the_same_from_the_global_generators():
    torch = pytest.importorskip("torch")
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    try:
        draws = set()
        for _ in range(2):
            server.reseed()
            draws.add((random.random(), np.random.rand(), torch.rand(1).item()))
        assert len(draws) == 1
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.set_rng_state(states[2])


def test_what_is_common_is_loaded_and_torch_is_ready_to_train():
    code = """
    import os, sys
    from grader.sandbox import server
    server.warm(["torch"])
    import torch
    print(set(server.COMMON) <= set(sys.modules), "torch.func" in sys.modules, torch.get_num_threads())
    print(len(os.listdir("/proc/self/task")))
    """
    assert run(code, env=process.ENVIRONMENT).split() == ["True", "True", "1", "1"]


def test_a_plot_is_ready_to_be_drawn():
    code = """
    import sys
    from grader.sandbox import server
    server.warm(["matplotlib"])
    print("matplotlib.pyplot" in sys.modules)
    """
    assert run(code, env=process.ENVIRONMENT | {"MPLCONFIGDIR": "/tmp"}) == "True"


def test_tests_of_a_submission_run_alike_and_write_nothing():
    code = """
    import os
    from grader.sandbox import server
    server.warm(["hypothesis"])
    from hypothesis import settings
    print(settings.default.derandomize, settings.default.database, len(os.listdir("/proc/self/task")))
    """
    assert run(code, env=process.ENVIRONMENT).split() == ["True", "None", "1"]


def test_only_the_named_descriptors_stay_open():
    code = """
    import os
    from grader.sandbox.isolate import keep_only
    ends = os.pipe()
    report = os.dup(1)
    keep_only(ends[0], report)
    def is_open(descriptor):
        try:
            return bool(os.fstat(descriptor))
        except OSError:
            return False
    found = [descriptor for descriptor in range(3, 64) if is_open(descriptor)]
    os.write(report, repr((found == sorted([ends[0], report]), os.readlink("/proc/self/fd/1"))).encode())
    """
    assert run(code) == "(True, '/dev/null')"


def test_a_library_that_starts_threads_cannot_be_forked(tmp_path, monkeypatch):
    (tmp_path / "busy.py").write_text(
        "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\n"
    )
    monkeypatch.setitem(process.ENVIRONMENT, "PYTHONPATH", str(tmp_path))
    with pytest.raises(SandboxError, match="2 threads run after loading busy: workers cannot be forked"):
        Server(["busy"], 8, inside=False)


def test_the_folders_of_workers_are_their_own(tmp_path):
    started = Server([], 8, inside=False)
    try:
        folders = []
        for _ in range(2):
            ours, theirs = process.socket.socketpair()
            request = {"fork": {"layers": [], "bounds": {"cpu_seconds": 5, "memory_mb": 100, "scratch_mb": 1}}}
            answer, (pidfd,) = started.ask(request, theirs.fileno())
            folders.append(Path(answer["scratch"]))
            assert stat.S_IMODE(folders[-1].stat().st_mode) == 0o700
            theirs.close()
            ours.close()
            os.close(pidfd)
            assert started.ask({"end": answer["pid"]})[0]["status"] in (0, 9)
        assert folders[0] != folders[1]
        assert not any(folder.exists() for folder in folders)
    finally:
        started.close()
