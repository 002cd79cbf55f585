"""What a kernel computes on: the only place that knows a processor from a GPU.

A kernel is timed from another process, through memory that both have: an arena. The trusted side makes it, and gives
the worker a `grant` of plain values, from which `opened` makes the same memory. On the CPU the memory also takes a
descriptor, which a worker gets when it starts and never later; on a GPU it is a CUDA IPC handle.
"""

from __future__ import annotations

import mmap
import os
import platform
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import torch

MIB = 1 << 20
CACHE = 4 * MIB  # where the system does not tell
OWN_LEVEL = 2  # of a core's own caches the last: what lies further out is shared by all, on a server by dozens
CACHES = Path("/sys/devices/system/cpu/cpu0/cache")
UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
F_ADD_SEALS, SEALS = 1033, 0x1 | 0x2 | 0x4  # linux/fcntl.h: neither its size nor its seals change
SPIN = 2_000_000  # cycles of a GPU: about a millisecond


@dataclass(frozen=True, kw_only=True)
class Arena:
    """Memory that two processes have.

    Attributes:
        memory: all of it, as bytes (size,).
        grant: what `opened` needs in the other process.
        descriptor: that the other process needs from its start; None where there is none.
    """

    memory: torch.Tensor
    grant: dict[str, Any]
    descriptor: int | None = None

    def close(self) -> None:
        """Give up the descriptor; the memory goes with its last user."""
        if self.descriptor is not None:
            os.close(self.descriptor)


class Device(Protocol):
    """One kind of device."""

    name: str

    def missing(self) -> str:
        """Why there is none here; empty if there is one."""

    def label(self) -> str:
        """What it is called, for people."""

    def arena(self, size: int) -> Arena:
        """Memory of so many bytes for a worker to open."""

    def opened(self, grant: dict[str, Any], descriptor: int | None) -> torch.Tensor:
        """The memory of an arena, in the other process."""

    def synchronise(self) -> None:
        """Wait for all work of this process."""

    def seconds(self, elapsed: float, computed: float | None, waited: float | None) -> float:
        """What a turn of a worker took.

        Args:
            elapsed: by our clock, without the time that we waited for a processor ourselves.
            computed: processor seconds of all its threads; None where unknown.
            waited: seconds in which it could have computed, but others had the processor; likewise.
        """

    def taken(self, peak: int | None) -> int | None:
        """What a process took of its memory at most, if it took so much main memory; None where that tells nothing."""

    def cache_bytes(self) -> int:
        """Of the last cache that is its own: many calls have more inputs than that, so that none is timed from it."""

    def memory_bytes(self) -> int:
        """All its memory."""

    def clock(self) -> float | None:
        """How fast it runs now, in cycles a second; None where that is not known."""


class CPU:
    """One thread of the processor; memory in a sealed file that exists in memory only."""

    name = "cpu"

    def missing(self) -> str:
        return "" if os.name == "posix" else "speed is measured on Linux and macOS"

    def label(self) -> str:
        try:
            lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        except OSError:
            lines = []
        names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
        return f"{next(names, platform.processor() or platform.machine())}, one thread"

    def arena(self, size: int) -> Arena:
        descriptor = _file(size)
        return Arena(memory=_mapped(descriptor, size), grant={"size": size}, descriptor=descriptor)

    def opened(self, grant: dict[str, Any], descriptor: int | None) -> torch.Tensor:
        assert descriptor is not None
        return _mapped(descriptor, grant["size"])

    def synchronise(self) -> None:
        """Nothing is left to wait for."""

    def seconds(self, elapsed: float, computed: float | None, waited: float | None) -> float:
        """Without the time that it had to wait for others, so that a busy machine is to nobody's loss; and no less than
        all its threads computed, so that a second one gains nothing."""
        return elapsed if computed is None or waited is None else max(computed, elapsed - waited)

    def taken(self, peak: int | None) -> int | None:
        return peak

    def cache_bytes(self) -> int:
        levels = [path.parent for path in CACHES.glob("index*/level") if int(path.read_text("ascii")) <= OWN_LEVEL]
        sizes = [(folder / "size").read_text("ascii").strip() for folder in levels]
        return max((int(text[:-1]) * UNITS[text[-1]] for text in sizes if text[-1:] in UNITS), default=CACHE)

    def memory_bytes(self) -> int:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")

    def clock(self) -> float | None:
        return None


class CUDA:
    """A GPU of NVIDIA; memory that the worker opens by CUDA IPC."""

    name = "cuda"

    def missing(self) -> str:
        import torch

        if torch.version.cuda is None:
            return "this torch was built without CUDA"
        return "" if torch.cuda.is_available() else "this machine has no GPU that torch can use"

    def label(self) -> str:
        import torch

        found = torch.cuda.get_device_properties(0)
        return f"{found.name} (sm_{found.major}{found.minor}), CUDA {torch.version.cuda}"

    def arena(self, size: int) -> Arena:
        import torch

        memory = torch.empty(size, dtype=torch.uint8, device=self.name)
        parts = _cuda(memory.untyped_storage())._share_cuda_()
        names = ("device", "handle", "size", "offset", "counter", "counter_offset", "event", "synchronise")
        return Arena(memory=memory, grant=dict(zip(names, parts, strict=True)))

    def opened(self, grant: dict[str, Any], descriptor: int | None) -> torch.Tensor:
        import torch

        _cuda(torch.cuda).init()
        storage = torch.UntypedStorage._new_shared_cuda(*grant.values())
        return torch.empty(0, dtype=torch.uint8, device=self.name).set_(storage)

    def synchronise(self) -> None:
        import torch

        torch.cuda.synchronize()

    def seconds(self, elapsed: float, computed: float | None, waited: float | None) -> float:
        """The GPU works on while its process waits for a processor."""
        return elapsed

    def taken(self, peak: int | None) -> int | None:
        return None

    def cache_bytes(self) -> int:
        import torch

        return int(getattr(torch.cuda.get_device_properties(0), "L2_cache_size", 0)) or CACHE

    def memory_bytes(self) -> int:
        import torch

        return int(torch.cuda.get_device_properties(0).total_memory)

    def clock(self) -> float | None:
        """By a kernel that counts cycles. Another process on the GPU slows it down as well, and should."""
        import torch

        cuda = _cuda(torch.cuda)
        start, end = (cuda.Event(enable_timing=True) for _ in range(2))
        cuda.synchronize()
        start.record()
        cuda._sleep(SPIN)
        end.record()
        cuda.synchronize()
        return SPIN / (float(start.elapsed_time(end)) * 1e-3)


DEVICES: dict[str, Device] = {device.name: device for device in (CPU(), CUDA())}


def _cuda(module: Any) -> Any:
    """The same: much of it has no types."""
    return module


def _file(size: int) -> int:
    """The descriptor of a file of zeros that nobody can shorten, where the system has such files."""
    if hasattr(os, "memfd_create"):
        import fcntl

        descriptor = os.memfd_create("arena", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.ftruncate(descriptor, size)
        fcntl.fcntl(descriptor, F_ADD_SEALS, SEALS)
        return descriptor
    with tempfile.TemporaryFile() as file:
        file.truncate(size)
        return os.dup(file.fileno())


def _mapped(descriptor: int, size: int) -> torch.Tensor:
    import torch

    return torch.frombuffer(mmap.mmap(descriptor, size), dtype=torch.uint8)
