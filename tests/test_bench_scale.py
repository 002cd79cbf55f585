import os
import sys

import pytest

from grader.assignment import load_assignment
from tests.bench import scale
from tests.bench.folders import CommandFailed, temporary
from tests.bench.scale import Cost


def test_growth_is_told_from_class_to_class(capsys):
    scale.growth({10: Cost(15.0, 80.0), 110: Cost(65.0, 80.5), 210: Cost(120.0, 80.5)})
    out = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert out[0][:9] == "each further submission, from 10 to 110 500 ms".split()
    assert out[1][:9] == "each further submission, from 110 to 210 550 ms".split()
    assert out[2] == ["start-up,", "which", "comes", "once", "10.00", "s"]
    assert out[3][-2:] == ["10.00", "%"]


def test_the_second_core_is_counted_with_and_without_start_up(capsys, monkeypatch, pytestconfig):
    cores = [0, 1]
    seconds = {2: lambda size: 10 + size, 1: lambda size: 10 + 1.8 * size}
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {*cores}, raising=False)
    monkeypatch.setattr(
        scale, "graded", lambda place, name, size, cores: Cost(seconds[len(cores)](size), 80.0 + size / 100)
    )
    scale.measure(load_assignment(pytestconfig.rootpath, "hw1"), [10, 100, 500], 3)
    out = capsys.readouterr().out
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert "hw1, a class of 500, 2 cores 510.00 s (1,020 ms each; 85 MiB at the peak)" in lines
    assert "hw1, a class of 100, 1 core 190.00 s (1,900 ms each; 81 MiB at the peak)" in lines
    assert "hw1, a class of 500, 1 core" not in out
    assert lines[-2:] == ["2 cores against 1, start-up included: faster by 1.73 x", "without start-up 1.80 x"]


def test_one_class_has_no_growth(capsys):
    scale.growth({10: Cost(15.0, 80.0)})
    assert capsys.readouterr().out == ""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_peak_of_a_process_is_its_own():
    with temporary() as place:
        child = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'bytearray(100 << 20)'])"
        assert 5 < scale._run(place, [sys.executable, "-c", child]) < 60
        grown = "import time; x = bytearray(100 << 20); del x; time.sleep(0.5)"
        assert 100 < scale._run(place, [sys.executable, "-c", grown]) < 160
    assert scale.peak_mb(os.getpid()) > 5


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_command_that_fails_says_its_last_lines():
    with temporary() as place, pytest.raises(CommandFailed, match=r"ended with status 2\nno, thanks"):
        scale._run(place, [sys.executable, "-c", "print('no, thanks'); raise SystemExit(2)"])
