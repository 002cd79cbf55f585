"""What the staff's Triton kernels take of a GPU, for architectures that need not be here: registers, memory, spills.

Triton compiles for them without a device, and the disassembler that it ships tells what it made of it.
"""

from __future__ import annotations

import itertools
import re
import subprocess
import tempfile
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from tests.bench.options import Options

ARCHITECTURES = (80, 90)
TENSOR_CORES = ("HGMMA", "HMMA")  # instructions of the tensor cores, newest first


def bench(options: Options) -> None:
    try:
        import triton
    except ImportError:
        print("not measured: triton is not installed (pip install triton, on Linux)")
        return
    print("| kernel | architecture | tile | registers | spilled bytes | shared memory | tensor-core instructions |")
    print("|---|---|---|---|---|---|---|")
    tools = Path(triton.__file__).parent / "backends/nvidia/bin"
    for architecture, (source, variants) in itertools.product(ARCHITECTURES, KERNELS.items()):
        pretend(architecture)
        module = types.ModuleType("kernels")
        path = options.root / "solutions" / source
        if not path.exists():
            continue
        exec(compile(path.read_text("utf-8"), path, "exec"), module.__dict__)
        for name, tile, compiled in variants(module):
            print(row(name, architecture, tile, compiled, tools), flush=True)


def pretend(architecture: int) -> None:
    """From now on, Triton compiles for a GPU that is not there."""
    from triton.backends.compiler import GPUTarget
    from triton.runtime import driver

    class Absent:
        def get_current_target(self) -> Any:
            return GPUTarget("cuda", architecture, 32)

        def get_current_device(self) -> int:
            return 0

        def get_current_stream(self, device: object = None) -> int:
            return 0

        def get_active_torch_device(self) -> torch.device:
            return torch.device("cpu")

    driver.set_active(Absent())


Compiled = tuple[str, str, Any]  # kernel, tile, binary


def convolutions(module: types.ModuleType) -> Iterator[Compiled]:
    """Each configuration of the kernel, compiled for a float16 convolution, channels last."""
    tuned = module.implicit_gemm()
    x, w, out = (
        torch.empty(shape, dtype=torch.float16, memory_format=torch.channels_last)
        for shape in ((8, 64, 56, 56), (64, 64, 3, 3), (8, 64, 56, 56))
    )
    arguments = (x, w, out, 8 * 56 * 56, 56, 56, 56, 56, 64, 64, *x.stride(), *w.stride(), *out.stride())
    yield from configurations("convolution", tuned, arguments, R=3, S=3, STRIDE=1, PADDING=1)


def attentions(module: types.ModuleType) -> Iterator[Compiled]:
    """Likewise, for causal attention in float16, of two widths."""
    tuned = module.flash_forward()
    for width in (64, 128):
        tensors = [torch.empty(4, 8, 4096, width, dtype=torch.float16) for _ in range(4)]
        arguments = (*tensors, 8, 4096, 0.125, *(step for tensor in tensors for step in tensor.stride()))
        yield from configurations(f"attention, d = {width}", tuned, arguments, CAUSAL=True, D=width, WIDTH=width)


def configurations(name: str, tuned: Any, arguments: tuple[Any, ...], **constants: Any) -> Iterator[Compiled]:
    for config in tuned.configs:
        compiled = tuned.fn.run(*arguments, **constants, grid=(1, 1), warmup=True, **config.all_kwargs())
        yield name, " × ".join(str(value) for value in config.kwargs.values()), compiled


KERNELS = {"hw4/conv_kernels.py": convolutions, "hw6/attention_kernels.py": attentions}


def row(name: str, architecture: int, tile: str, compiled: Any, tools: Path) -> str:
    """What the disassembler says of the binary."""
    with tempfile.TemporaryDirectory() as folder:
        binary = Path(folder, "kernel.cubin")
        binary.write_bytes(compiled.asm["cubin"])
        used, code = (
            _output(tools / "cuobjdump", option, binary) for option in ("--dump-resource-usage", "--dump-sass")
        )
    found = [match[1] if (match := re.search(rf"{name}:(\d+)", used)) else "?" for name in ("REG", "STACK")]
    counts = [f"{len(re.findall(name, code))} {name}" for name in TENSOR_CORES if name in code]
    return (
        f"| {name} | sm_{architecture} | {tile} | {' | '.join(found)} | {compiled.metadata.shared:,} B "
        f"| {', '.join(counts) or 'none'} |"
    )


def _output(*command: object) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr
