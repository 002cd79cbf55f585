"""The runner of attacks notices what it is there to notice; an attack file that is not well formed is refused."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.attack import FOLDER, attacks, read, said
from tests.attack_course import REFERENCE
from tests.attack_scene import Scene
from tests.attack_watch import children

HEADER = '"""Tries something.\n\noutcome: failed\nfrom: C\nunstopped: passed\nsays: one\nsays: t[wx]+o\n"""\n'


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    with ExitStack() as stack:
        yield Scene("E", stack)


def written(folder: Path, text: str) -> Path:
    path = folder / "trick.py"
    path.write_text(text)
    return path


# The files


def test_there_are_attacks_of_every_kind_and_each_says_what_it_tries() -> None:
    found = attacks()
    assert len(found) >= 250
    assert all(attack.aim.endswith(".") for attack in found)
    assert {attack.weakest for attack in found} == {"A", "C", "D", "E"}
    assert sum(bool(attack.unstopped) for attack in found) >= 50
    assert len({attack.source for attack in found}) == len(found) == len(list(FOLDER.glob("[!_]*.py")))


def test_a_header_is_read(tmp_path: Path) -> None:
    attack = read(written(tmp_path, HEADER + 'BESIDE = {"conftest.py": "1"}\n'))
    assert (attack.name, attack.aim, attack.outcomes) == ("trick", "Tries something.", (frozenset({"failed"}),))
    assert (attack.weakest, attack.task, attack.through, attack.beside) == (
        "C",
        "double",
        "grader",
        {"conftest.py": "1"},
    )
    assert [attack.stopped_at(level) for level in "ABCDE"] == [True, True, True, False, False]
    assert said(attack, "one, too") == ["t[wx]+o"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Tries something.\n\n", ""),
        ("outcome: failed", "outcome: lost"),
        ("outcome: failed", "outcome: failed |"),
        ("outcome: failed\n", ""),
        ("from: C", "from: F"),
        ("from: C", "from: E"),
        ("from: C", "fron: C"),
        ("from: C", "through: nothing"),
    ],
)
def test_a_header_that_is_wrong_is_refused(tmp_path: Path, before: str, after: str) -> None:
    assert before in HEADER
    with pytest.raises(ValueError, match=r"trick\.py"):
        read(written(tmp_path, HEADER.replace(before, after)))


def test_only_an_attack_with_no_other_end_is_endless(tmp_path: Path) -> None:
    endless = HEADER.replace("outcome: failed", "outcome: timeout")
    assert read(written(tmp_path, endless)).is_endless
    assert not read(written(tmp_path, endless.replace("timeout", "timeout | failed"))).is_endless


# The watch


def change_file(scene: Scene) -> None:
    scene.neighbour.write_text("mine")


def change_mode(scene: Scene) -> None:
    scene.gradebook.chmod(0o666)


def add_file(scene: Scene) -> None:
    (scene.temporary / "left").mkdir()
    (scene.temporary / "left" / "file").touch()


def remove_file(scene: Scene) -> None:
    scene.neighbour.unlink()


def drop_file(scene: Scene) -> None:
    Path("/tmp", f"{scene.mark}-here").touch()


def connect(scene: Scene) -> None:
    with socket.create_connection(scene.tcp.getsockname()):
        pass


def send(scene: Scene) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        end.sendto(b"here", scene.udp.getsockname())


@pytest.mark.parametrize(
    ("trace", "found"),
    [
        (change_file, "a file is changed: course/submitted/zoe/hw1/work.py"),
        (change_mode, "a file is changed: course/gradebook.db"),
        (add_file, "a file is changed: tmp/left"),
        (remove_file, "a file is changed: course/submitted/zoe/hw1/work.py"),
        (drop_file, "left in /tmp: mark-"),
        (connect, "reached: "),
        (send, "reached: "),
    ],
)
def test_a_trace_is_found_once_and_can_be_removed(scene: Scene, trace: Callable[[Scene], None], found: str) -> None:
    assert scene.left_behind() == []
    trace(scene)
    traces = scene.left_behind()
    assert traces
    assert all(line.startswith(found) for line in traces)
    scene.watch.repair()
    assert scene.left_behind() == []


def test_a_change_of_this_process_is_found(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTACKED", "1")
    with open(os.devnull):
        assert scene.left_behind() == ["this process has another environment", "this process has another descriptors"]


def test_a_process_that_is_left_is_found_and_ended(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.attack_watch.PATIENCE", 0.0)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as left:
        assert left.pid in children(os.getpid())
        [line] = [line for line in scene.left_behind() if "process is left" in line]
        assert "input()" in line
        assert left.wait() < 0
    assert not [line for line in scene.left_behind() if "process is left" in line]


def test_a_secret_that_an_attack_tells_would_be_seen(scene: Scene) -> None:
    graded = scene.grade(REFERENCE.replace("return 2 * x", f"raise ValueError({scene.token!r})"))
    assert scene.token in graded.student
    assert scene.token in graded.instructor


def test_what_only_a_hidden_check_shows_is_for_the_instructor_alone(scene: Scene) -> None:
    told = "''.join(chr(int(value) % 256) for value in x.ravel())"
    graded = scene.grade(REFERENCE.replace("return 2 * x", f"raise ValueError({told})"))
    assert scene.hidden_input in graded.instructor
    assert scene.hidden_input not in graded.student
