import re

import pytest

from grader.build import build
from tests import bench
from tests.bench import boundary, floor, isolation, workers
from tests.bench.__main__ import LONG, SHORT, main
from tests.bench.options import Options
from tests.course import make_course


@pytest.fixture
def course(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    root = make_course(tmp_path / "course")
    build(root, ["hw1"])
    return root


def test_every_measurement_is_described_and_can_be_chosen():
    described = re.findall(r"^    (\w+) ", bench.__doc__, re.MULTILINE)
    assert set(described) == {*SHORT, *LONG}


def test_the_machine_and_the_versions_are_said_first(course, capsys, monkeypatch):
    monkeypatch.setattr(floor, "bench", lambda options: print(options))
    main(["floor", "-r", "2", "-n", "10", "20"], course)
    first, second, *_, last = capsys.readouterr().out.splitlines()
    assert "processors; " in first
    for name in ("level", "numpy", "torch", "hypothesis", "nbgrader"):
        assert f"{name} " in second
    assert last == str(Options(root=course, assignments=("hw1",), sizes=(10, 20), rounds=2))


def test_without_a_name_all_but_the_long_ones_are_measured(course, capsys, monkeypatch):
    for name in (*SHORT, *LONG):
        monkeypatch.setattr(f"tests.bench.{name}.bench", lambda options, name=name: print(f"measured {name}"))
    main([], course)
    assert re.findall("measured (.*)", capsys.readouterr().out) == list(SHORT)


def test_a_name_that_is_none_is_an_error_that_says_the_names(course, capsys):
    with pytest.raises(SystemExit):
        main(["spede"], course)
    assert "nothing is called spede; there are startup, workers" in capsys.readouterr().err


def test_the_floor_counts_the_calls_of_a_class_and_compares(course, capsys):
    floor.bench(Options(root=course, assignments=("hw1",), sizes=(2,), rounds=1))
    out = capsys.readouterr().out
    assert re.findall("^hw1, (.*), in the sandbox +[0-9.]+ s$", out, re.MULTILINE) == ["reference", "a class of 2"]
    assert re.findall(r"own functions +[0-9.]+ s +\((\d+) calls; the sandbox takes [0-9.]+ x that\)", out) == ["4", "8"]


def test_isolation_is_compared_with_and_without_the_tape(course, capsys):
    isolation.bench(Options(root=course, assignments=("hw1",), rounds=1))
    out = capsys.readouterr().out
    assert re.search(r"both with the tape +[0-9.]+ s +\(the sandbox takes [0-9.]+ x that\)", out)
    assert re.search(r"at a desk +[0-9.]+ s +\(the sandbox with the tape takes [0-9.]+ x that\)", out)
    assert re.search("an untouched stub, in the sandbox +[0-9.]+ s", out)


def test_workers_and_calls_are_measured(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(boundary, "CALLS", 1)
    options = Options(root=tmp_path, assignments=(), rounds=1)
    workers.bench(options)
    boundary.bench(options)
    lines = capsys.readouterr().out.splitlines()
    assert [line[:24].strip() for line in lines] == [
        "a worker with NumPy, to", "its own memory while i", "a worker with torch, to", "its own memory while i",
        "call without arguments", "array of 4 x 3 there", "array of 4 x 3 there and",
        "in a check, sent before", "likewise, answered as by",
        "array of 2 MB there and", "array of 8 MB there and",
    ]  # fmt: skip
