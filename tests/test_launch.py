import json
import os
import platform
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from grader.errors import SandboxError
from grader.model import Cell, Limits
from grader.sandbox import landlock, launch, process, seccomp
from grader.sandbox.level import Level
from grader.sandbox.probe import Attempt
from tests.child import run

LEVELS = launch.available()
ISOLATED = [level for level in LEVELS if level is not Level.E]
needs_isolation = pytest.mark.skipif(not ISOLATED, reason="this machine offers level E only")


@pytest.fixture
def afresh(monkeypatch):
    """No sandbox is open in this process, and none is left."""
    launch.close()
    monkeypatch.delenv(launch.VARIABLE, raising=False)
    yield monkeypatch
    launch.close()


def cell(source):
    return (Cell(filename="m.py", source=source),)


def has_bubblewrap():
    command = ["bwrap", "--unshare-all", "--ro-bind", "/", "/", "true"]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


@pytest.mark.skipif(
    platform.machine() not in seccomp.MACHINES or landlock.version() < 6,
    reason="levels A to C take Linux 6.12 with Landlock, on x86-64 or aarch64",
)
def test_a_machine_that_has_the_means_offers_the_levels():
    """Attacks on a level that is not offered are skipped: a level that is lost must be seen here."""
    assert set(LEVELS) >= {Level.B, Level.C, Level.E}
    assert (Level.A in LEVELS) == has_bubblewrap()


class TestImports:
    def test_well_known_libraries_are_found_wherever_they_are_imported(self):
        source = "import torch.nn as nn\ndef f():\n    from matplotlib import pyplot\nimport json\n# import scipy\n"
        assert launch.imports(cell(source)) == {"torch", "matplotlib"}

    def test_code_that_imports_none_needs_none(self):
        assert launch.imports(cell("x = 'import torch'")) == launch.imports(()) == frozenset()


class TestCurrent:
    def test_it_is_the_strongest_level_of_the_machine_and_found_once(self, afresh):
        assert launch.current().level is LEVELS[0]
        assert launch.current() is launch.current()

    @pytest.mark.parametrize("level", LEVELS)
    def test_the_environment_may_ask_for_a_level(self, afresh, level):
        afresh.setenv(launch.VARIABLE, level)
        assert launch.current().level is level

    def test_a_level_that_does_not_exist_is_refused_with_those_that_do(self, afresh):
        afresh.setenv(launch.VARIABLE, "Z")
        with pytest.raises(SandboxError, match="GRADER_SANDBOX is 'Z'; a level is one of A, B, C, D, E"):
            launch.current()

    def test_a_level_that_is_asked_for_and_not_to_be_had_is_not_replaced_by_a_weaker_one(self, afresh):
        afresh.setenv(launch.VARIABLE, "A")
        afresh.setattr("shutil.which", lambda name: None)
        with pytest.raises(SandboxError, match="bubblewrap is not installed"):
            launch.current()

    def test_closing_ends_it_and_the_next_use_finds_another(self, afresh):
        first = launch.current()
        launch.close()
        assert launch.current() is not first
        launch.close()
        launch.close()  # harmless again


class TestFind:
    def test_why_stronger_levels_are_not_to_be_had_is_told(self, monkeypatch):
        def refuse(level):
            if level < Level.D:
                raise SandboxError(f"no {level}")
            return launch.Sandbox(level)

        monkeypatch.setattr(launch, "open_sandbox", refuse)
        sandbox, missing = launch.find()
        assert sandbox.level is Level.D
        assert missing == {Level.A: "no A", Level.B: "no B", Level.C: "no C"}

    def test_another_system_offers_level_e(self, monkeypatch):
        monkeypatch.setattr("platform.system", lambda: "Darwin")
        sandbox, missing = launch.find()
        assert sandbox.level is Level.E
        assert missing[Level.A] == "level A takes Linux, this is Darwin"

    def test_level_d_takes_root(self, monkeypatch):
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
        with pytest.raises(SandboxError, match="level D takes root"):
            launch.open_sandbox(Level.D)

    @needs_isolation
    def test_a_level_whose_canary_gets_through_does_not_hold(self, monkeypatch):
        bad = Attempt(ISOLATED[0].layers, "fork", "", good=False)
        monkeypatch.setattr("grader.sandbox.probe.probe", lambda level, start: [bad])
        with pytest.raises(SandboxError, match="fork: it got through"):
            launch.open_sandbox(ISOLATED[0])

    def test_level_e_runs_and_stops_nothing(self):
        sandbox = launch.open_sandbox(Level.E)
        assert sandbox.attempts == []
        worker = sandbox.process(Limits(), cell("import torch"))
        worker.kill()


@needs_isolation
class TestServers:
    @pytest.fixture
    def sandbox(self):
        opened = launch.Sandbox(ISOLATED[0])
        yield opened
        opened.close()

    def test_one_serves_all_whose_libraries_it_has(self, sandbox):
        for source in ("import matplotlib", "x = 1", "import matplotlib.pyplot"):
            sandbox.process(Limits(), cell(source)).kill()
        assert [server.modules for server in sandbox._servers] == [{"matplotlib"}]

    def test_another_has_the_libraries_of_the_first_as_well(self, sandbox):
        for source in ("x = 1", "import matplotlib", "x = 2"):
            sandbox.process(Limits(), cell(source)).kill()
        assert [server.modules for server in sandbox._servers] == [frozenset(), {"matplotlib"}]

    def test_one_that_has_a_withheld_library_serves_no_code_from_which_it_is_withheld(self, sandbox):
        limits = Limits(withheld=("matplotlib",))
        for bounds in (Limits(), limits, limits):
            sandbox.process(bounds, cell("import matplotlib")).kill()
        assert [server.modules for server in sandbox._servers] == [{"matplotlib"}, frozenset()]

    def test_a_quota_has_a_server_of_its_own(self, sandbox):
        for scratch_mb in (8, 16, 8):
            sandbox.process(Limits(scratch_mb=scratch_mb)).kill()
        assert [server.scratch_mb for server in sandbox._servers] == [8, 16]

    def test_one_that_has_ended_is_replaced(self, sandbox):
        sandbox.process(Limits()).kill()
        (first,) = sandbox._servers
        first.kill()
        sandbox.process(Limits()).kill()
        assert sandbox._servers != [first]

    def test_a_process_that_was_forked_leaves_them_alone(self, sandbox, monkeypatch):
        sandbox.process(Limits()).kill()
        with monkeypatch.context() as forked:
            forked.setattr(os, "getpid", lambda: -1)
            sandbox.close()
        assert [server.running for server in sandbox._servers] == [True]

    def test_threads_may_start_workers_at_the_same_time(self, sandbox):
        with ThreadPoolExecutor(4) as pool:
            workers = list(pool.map(lambda _: sandbox.process(Limits()), range(8)))
        assert len({worker.scratch for worker in workers}) == 8
        assert len(sandbox._servers) == 1
        for worker in workers:
            worker.kill()

    def test_one_that_runs_and_refuses_is_not_asked_again(self, sandbox, monkeypatch):
        asked = []

        def refuse(server, layers, limits, shared):
            asked.append(server)
            raise SandboxError("refused")

        sandbox.process(Limits()).kill()
        monkeypatch.setattr(launch, "Forked", refuse)
        with pytest.raises(SandboxError, match="refused"):
            sandbox.process(Limits())
        assert len(asked) == 1


@needs_isolation
def test_an_ordinary_user_without_powers_gets_the_same_levels_but_d():
    """In a namespace where this process is nobody special; the same levels as outside, but for the one of root."""
    command = ["bwrap", "--unshare-user", "--uid", "1000", "--gid", "1000", "--dev-bind", "/", "/"]
    try:
        works = subprocess.run([*command, "true"], check=False, capture_output=True).returncode == 0
    except FileNotFoundError:
        works = False
    if not works:
        pytest.skip("bubblewrap is not installed, or may not make namespaces")
    code = "import os\nfrom grader.sandbox import launch\nprint(os.getuid(), *launch.available())"
    done = subprocess.run([*command, sys.executable, "-B", "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["1000", *(level for level in LEVELS if level is not Level.D)], done.stderr


@needs_isolation
def test_a_process_that_ends_without_closing_leaves_no_server(tmp_path):
    code = """
    import os, sys
    from grader.model import Limits
    from grader.sandbox import launch
    worker = launch.current().process(Limits())
    print([server._process.pid for server in launch.current()._servers] + [worker._pid], flush=True)
    os._exit(0)
    """
    pids = json.loads(run(code))
    assert len(pids) >= 2
    for pid in pids:
        assert process_ends(pid)


def process_ends(pid):
    try:
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    with os.fdopen(watched):
        return bool(process.select.select([watched], [], [], 10)[0])
