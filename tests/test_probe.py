import os
import time

import pytest

from grader.errors import SandboxError
from grader.sandbox import launch, probe
from grader.sandbox.canary import HARMFUL, HARMLESS
from grader.sandbox.level import Layer, Level
from grader.sandbox.probe import ALWAYS, STOPS, Attempt, attack
from grader.sandbox.process import Spawned

LEVELS = [level for level in launch.available() if level is not Level.E]


def test_every_attempt_is_promised_to_be_stopped_by_some_level_and_every_promise_is_an_attempt():
    promised = ALWAYS.union(*STOPS.values())
    assert promised == set(HARMFUL)
    assert not promised & set(HARMLESS)


def test_level_a_stops_everything():
    assert ALWAYS.union(*(STOPS[layer] for layer in Level.A.layers)) == set(HARMFUL)


@pytest.mark.parametrize("level", LEVELS)
def test_a_level_is_attacked_layer_by_layer_and_as_a_whole(level):
    sandbox = launch.open_sandbox(level)
    try:
        layers = {attempt.layers for attempt in sandbox.attempts}
        assert level.layers in layers
        assert {frozenset({Layer.LANDLOCK}), frozenset({Layer.SECCOMP})} & layers
        assert all(attempt.good for attempt in sandbox.attempts)
    finally:
        sandbox.close()


def test_an_unprotected_canary_gets_through_and_the_facts_show_it():
    said = attack(lambda: Stubborn(launch.Limits()))
    through = {name for name, stopped in said.items() if not stopped}
    assert {"read a private file", "change a file", "make a file", "connect by TCP", "remove a file"} <= through
    assert {"send by UDP", "connect to a socket file", "connect to an abstract socket", "fork"} <= through
    assert set(HARMLESS) <= through


def test_facts_count_more_than_what_a_canary_says(monkeypatch):
    def lying(process, target):
        with open(target["private"], "wb") as file:
            file.write(b"changed")
        os.unlink(target["victim"])
        return dict.fromkeys([*HARMFUL, *HARMLESS], "stopped, honestly")

    monkeypatch.setattr(probe, "_run", lying)
    said = attack(lambda: Stubborn(launch.Limits()))
    assert [name for name, stopped in said.items() if not stopped] == ["change a file", "remove a file"]


def test_nothing_of_a_probe_is_left(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = dict(os.environ)
    attack(lambda: Stubborn(launch.Limits()))
    assert list(tmp_path.iterdir()) == []
    assert dict(os.environ) == before


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import os\nos._exit(3)", "the canary did not come back: exit status 3"),
        ("import there_is_none", "the canary cannot be loaded: .*No module named 'there_is_none'"),
        ("def attempt(target):\n    return 1", "the canary could not be run: 1"),
        ("def attempt(target):\n    return {}", "the canary could not be run: {}"),
    ],
)
def test_a_canary_that_cannot_sing_proves_nothing(monkeypatch, tmp_path, source, said):
    (tmp_path / "canary.py").write_text(source)
    monkeypatch.setattr(probe, "CANARY", tmp_path / "canary.py")
    with pytest.raises(SandboxError, match=said):
        attack(lambda: Spawned(launch.Limits()))


def test_a_canary_that_hangs_proves_nothing(monkeypatch, tmp_path):
    (tmp_path / "canary.py").write_text("while True: pass")
    monkeypatch.setattr(probe, "CANARY", tmp_path / "canary.py")
    monkeypatch.setattr(probe, "SECONDS", 0.05)
    with pytest.raises(SandboxError, match="the canary did not come back: TimeoutError"):
        attack(lambda: Spawned(launch.Limits()))


def test_an_attempt_reads_as_what_became_of_it():
    attempt = Attempt(Level.D.layers, "fork", "", good=False)
    assert str(attempt) == "seccomp + user: fork: it got through"


class Stubborn(Spawned):
    """Without isolation a canary would become the program that it runs: nothing is executed here."""

    def __init__(self, limits):
        super().__init__(limits)
        code = "import os\ndef refuse(*arguments):\n    raise PermissionError(1, 'Operation not permitted')\n"
        code += "os.execv = os.kill = refuse\nimport ctypes\n"
        self.channel.send(probe.pack(["load", "prelude", ["m"], [["l", ["t", "m.py", code]]], {}], []))
        self.channel.receive(time.monotonic() + 20)
