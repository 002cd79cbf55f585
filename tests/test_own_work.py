"""What is taken away from a worker; each in a process of its own, because it is for good."""

import subprocess
import sys

import pytest

SETUP = """
import torch
from grader.sandbox.own_work import forbid, interpret
forbid(["conv(?!ert)"])
x, w = torch.ones(1, 2, 4, 4), torch.ones(3, 2, 3, 3)
"""
NAMES = [
    "torch.nn.functional.conv2d(x, w)",
    "torch.nn.Conv2d(2, 3, 3)(x)",
    "torch.conv2d(x.double(), w.double())",
    "torch.ops.aten.convolution(x, w, None, [1, 1], [0, 0], [1, 1], False, [0, 0], 1)",
    "torch.mkldnn_convolution(x, w, None, (0, 0), (1, 1), (1, 1), 1)",
    "torch.ops.mkldnn._convolution_pointwise(x, w, None, [0, 0], [1, 1], [1, 1], 1, 'none', [], '')",
    "torch._C._nn.slow_conv3d(x[:, :, None], w[:, :, None], (1, 3, 3))",
    "torch._nnpack_spatial_convolution(x, w, None, 0)",
    "torch.nn.functional.conv_transpose2d(x, w.transpose(0, 1))",
    "torch.compile(lambda x: x)",
]


def run(code):
    return subprocess.run([sys.executable, "-c", SETUP + code], capture_output=True, text=True, check=False)


def test_every_name_of_a_convolution_is_refused_and_all_else_works():
    calls = "".join(
        f"""
try:
    {name}
except RuntimeError as refused:
    assert "is the library's: this task asks for a kernel of your own" in str(refused), refused
else:
    raise AssertionError({name!r})
"""
        for name in NAMES
    )
    found = run(calls + "assert (w.flatten(1) @ torch.nn.functional.unfold(x, 3)).shape == (1, 3, 4)\nprint('all')")
    assert found.stdout == "all\n", found.stderr


def test_nothing_that_python_can_find_undoes_it():
    found = run("""
import gc, grader.sandbox.own_work as module
vars(module).clear()
gc.collect()
torch.conv2d(x, w)
""")
    assert "aten::conv2d is the library's" in found.stderr


def test_triton_interprets_though_it_was_imported_before():
    pytest.importorskip("triton")
    found = run("""
import triton
interpret()
import triton, triton.language as tl

@triton.jit
def double(x, n: tl.constexpr):
    at = tl.arange(0, n)
    tl.store(x + at, 2 * tl.load(x + at))

print(type(double).__name__)
""")
    assert found.stdout == "InterpretedFunction\n", found.stderr
