"""`grader throughput`, also on a machine that has hardly anything installed."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import grader
from grader.cli import main as grader_command
from grader.device import DEVICES
from grader.throughput import __main__ as command
from tests.test_throughput_cheats import RULES, SMALL
from tests.test_throughput_checks import KERNEL

ROOT = Path(grader.__file__).parent.parent
# torch and pytest need these themselves; everything else is refused
NEEDED = (
    "numpy torch torchgen triton pytest _pytest py hypothesis grader sympy mpmath networkx jinja2 markupsafe fsspec "
    "typing_extensions packaging pluggy iniconfig pygments sortedcontainers attr attrs exceptiongroup"
).split()
BARE = f"""
import importlib.abc, runpy, sys

class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in sys.stdlib_module_names and top not in {NEEDED!r} and not top.startswith(("_", "test_")):
            raise ModuleNotFoundError(f"refused: {{name}}", name=name)
        return None

sys.meta_path.insert(0, Refuse())
sys.argv = sys.argv[1:]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "kernel.py"
    path.write_text(KERNEL)
    return path


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setitem(command.OPERATIONS, "conv2d", (SMALL,))
    monkeypatch.setattr(
        command, "measure", lambda *args, measure=command.measure, **named: measure(*args, rules=RULES, **named)
    )


def bare(*arguments, folder):
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "HOME": str(folder),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    return subprocess.run(
        [sys.executable, "-c", BARE, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        cwd=folder,
    )


def test_it_prints_and_draws(file, quick, capsys, tmp_path):
    picture = tmp_path / "speed.svg"
    assert command.main([str(file), "--kernel", "conv2d", "--curve", "1e-9", "1e-8", "--plot", str(picture)]) == 0
    said = capsys.readouterr().out
    assert re.search(r"conv2d is \d+\.\d\d times as fast as the library's operation: 100% of the points", said)
    assert picture.read_text("utf-8").startswith("<?xml")


def test_a_wrong_kernel_has_no_speed(file, quick, capsys):
    file.write_text(KERNEL.replace("out.copy_", "out.mul_"))
    assert command.main([str(file), "--kernel", "conv2d"]) == 1
    assert "conv2d is wrong for" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--kernel", "f"], "--operation conv2d or attention"),
        (["--kernel", "conv2d", "--curve", "2", "1"], "expected 0 < low < high"),
    ],
)
def test_a_wrong_call_says_what_is_expected(file, arguments, said, capsys):
    assert command.main([str(file), *arguments]) == 2
    assert said in capsys.readouterr().err


def test_a_file_that_is_not_there_is_said(tmp_path, capsys):
    assert command.main([str(tmp_path / "none.py"), "--kernel", "conv2d"]) == 2
    assert "none.py" in capsys.readouterr().err


def test_what_is_timed_fits_the_device():
    assert {case.dtype for case in command.cases("conv2d", "cpu", None)} == {"float32"}
    assert {(case.dtype, case.layout) for case in command.cases("conv2d", "cuda", None)} == {
        ("float16", "channels_last")
    }
    assert {case.dtype for case in command.cases("attention", "cuda", "bfloat16")} == {"bfloat16"}


def test_grader_has_it_as_a_command(file):
    found = CliRunner().invoke(grader_command, ["throughput", str(file), "--kernel", "f"])
    assert found.exit_code == 2
    found = CliRunner().invoke(grader_command, ["throughput", "--help"])
    assert "--device" in found.output


def test_a_machine_with_torch_and_pytest_alone_measures(tmp_path, file):
    found = bare("grader.throughput", str(file), "--kernel", "none", "--operation", "conv2d", folder=tmp_path)
    assert "none" in found.stdout + found.stderr
    assert "refused:" not in found.stdout + found.stderr
    checks = tmp_path / "test_kernel.py"
    checks.write_text(
        "import pytest\nfrom grader.throughput.conv2d import Conv2d\n\n\n"
        '@pytest.mark.task("conv2d", points=1)\ndef test_right(hw, throughput):\n'
        '    throughput.verify("conv2d", [Conv2d(channels=2, filters=3, image=(5, 4))])\n'
    )
    found = bare("pytest", "-q", "-p", "grader.plugin", "-p", "no:cacheprovider", "test_kernel.py", folder=tmp_path)
    assert re.search(r"conv2d +1 / 1", found.stdout), found.stdout + found.stderr


def test_cases_are_those_of_the_device():
    on_cpu, on_gpu = (command.cases("attention", device, None) for device in DEVICES)
    assert [(case.steps, case.heads, case.dtype) for case in on_cpu if case.width == 128] == [
        (1024, 8, "float32"),
        (4096, 2, "float32"),
    ]
    assert {(case.heads, case.dtype, case.layout) for case in on_gpu} == {(8, "float16", "contiguous")}
    assert {case.layout for case in command.cases("conv2d", "cuda", "bfloat16")} == {"channels_last"}
    assert {case.layout for case in command.cases("conv2d", "cpu", None)} == {"contiguous"}
