"""What the staff's Triton kernel takes of a GPU, for architectures that need not be here: registers, memory, spills.

Triton compiles for them without a device, and the disassembler that it ships tells what it made of it.
"""

from __future__ import annotations

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
    module = types.ModuleType("conv_kernels")
    path = options.root / "solutions" / "hw4" / "conv_kernels.py"
    exec(compile(path.read_text("utf-8"), path, "exec"), module.__dict__)
    print("| architecture | tile | registers | spilled bytes | shared memory | tensor-core instructions |")
    print("|---|---|---|---|---|---|")
    for architecture in ARCHITECTURES:
        pretend(architecture)
        for tile, compiled in variants(module, triton):
            print(row(architecture, tile, compiled, Path(triton.__file__).parent / "backends/nvidia/bin"), flush=True)


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


def variants(module: types.ModuleType, triton: Any) -> Iterator[tuple[str, Any]]:
    """Each configuration of the kernel, compiled for a float16 convolution, channels last."""
    module.implicit_gemm.cache_clear()
    tuned = module.implicit_gemm()
    x, w, out = (
        torch.empty(shape, dtype=torch.float16, memory_format=torch.channels_last)
        for shape in ((8, 64, 56, 56), (64, 64, 3, 3), (8, 64, 56, 56))
    )
    arguments = (x, w, out, 8 * 56 * 56, 56, 56, 56, 56, 64, 64, *x.stride(), *w.stride(), *out.stride())
    for config in tuned.configs:
        compiled = tuned.fn.run(
            *arguments, R=3, S=3, STRIDE=1, PADDING=1, grid=(1, 1), warmup=True, **config.all_kwargs()
        )
        yield " × ".join(str(value) for value in config.kwargs.values()), compiled


def row(architecture: int, tile: str, compiled: Any, tools: Path) -> str:
    """What the disassembler says of the binary."""
    with tempfile.TemporaryDirectory() as folder:
        binary = Path(folder, "kernel.cubin")
        binary.write_bytes(compiled.asm["cubin"])
        used, code = (
            _output(tools / "cuobjdump", option, binary) for option in ("--dump-resource-usage", "--dump-sass")
        )
    found = [match[1] if (match := re.search(rf"{name}:(\d+)", used)) else "?" for name in ("REG", "LOCAL")]
    counts = [f"{len(re.findall(name, code))} {name}" for name in TENSOR_CORES if name in code]
    return (
        f"| sm_{architecture} | {tile} | {' | '.join(found)} | {compiled.metadata.shared:,} B "
        f"| {', '.join(counts) or 'none'} |"
    )


def _output(*command: object) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr
