"""The machine that grades: processors, memory, accelerators, user, room on its disks; as facts that say what to do."""

from __future__ import annotations

import getpass
import importlib
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from grader.model import Limits

MIB, GIB = 1 << 20, 1 << 30
ROOT_ADVICE = (
    "as root, a flaw in the sandbox, or in what reads notebooks, costs the whole machine: better let a user of its own "
    "own the course folder and grade, unless root is what it takes for a better level"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One thing that was looked at.

    Attributes:
        good: False if grading will not work, or not safely; None if it is only worth knowing.
        advice: what to do about it; always there if it is not good.
    """

    name: str
    value: str
    good: bool | None = True
    advice: str = ""


def machine(root: Path | None) -> Iterator[Fact]:
    """Processors, memory, accelerators, user, room on the disks."""
    memory_limit, cpu_limit = cgroup_limits()
    yield cpus(cpu_limit)
    yield memory(memory_limit)
    yield gpu()
    yield user()
    for place in dict.fromkeys([root or Path.cwd(), Path(tempfile.gettempdir())]):
        yield room(place, shutil.disk_usage(place).free)


def cpus(limit: float | None) -> Fact:
    usable = usable_cpus()
    share = (
        ""
        if limit is None or limit >= usable
        else f", for no more than {limit:g} of them at a time (a limit of the control group)"
    )
    return Fact(name="processors", value=f"{usable} of {os.cpu_count()}{share}")


def usable_cpus() -> int:
    """The processors that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def worker_count() -> int:
    """How many processes can compute at a time: processors, or the share of them that the control group allows."""
    _, share = cgroup_limits()
    return max(1, usable_cpus() if share is None else min(usable_cpus(), int(share)))


def memory(limit: int | None, meminfo: Path = Path("/proc/meminfo")) -> Fact:
    """Memory of the machine, or of the control group if that allows less. Units: bytes."""
    try:
        lines = dict(line.split(":") for line in meminfo.read_text("ascii").splitlines())
    except OSError:
        return Fact(name="memory", value="unknown: this system does not tell", good=None)
    total, free = (int(lines[name].split()[0]) << 10 for name in ("MemTotal", "MemAvailable"))
    value = f"{total / GIB:.1f} GiB, {free / GIB:.1f} GiB of it free"
    if limit is not None and limit < total:
        value += f"; the control group is limited to {limit / GIB:.1f} GiB"
        free = min(free, limit)
    needed = Limits().memory_mb * MIB
    if free >= needed:
        return Fact(name="memory", value=value)
    advice = f"a submission may use {needed / GIB:g} GiB: free some, or set memory_mb in [limits] of assignment.toml"
    return Fact(name="memory", value=value, good=None, advice=advice)


def cgroup_limits(
    own: Path = Path("/proc/self/cgroup"), mount: Path = Path("/sys/fs/cgroup")
) -> tuple[int | None, float | None]:
    """Memory in bytes and processors that the control group (version 2) and those above it allow; None: no limit."""
    try:
        lines = own.read_text("ascii").splitlines()
    except OSError:
        return None, None
    inner = next((line[3:] for line in lines if line.startswith("0::")), "/")
    folder = mount / inner.strip("/")
    memories: list[list[str]] = []
    shares: list[list[str]] = []
    for place in (folder, *folder.parents):
        for found, name in ((memories, "memory.max"), (shares, "cpu.max")):
            if (place / name).is_file() and (words := (place / name).read_text("ascii").split())[0] != "max":
                found.append(words)
        if place == mount:
            break
    allowed = [int(words[0]) for words in memories]
    parts = [int(words[0]) / int(words[1]) for words in shares]
    return min(allowed, default=None), min(parts, default=None)


def gpu() -> Fact:
    """The accelerators that torch can use; to have none is no fault."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about drivers that are too old: then there is none
            cuda = importlib.import_module("torch").cuda
            found = [cuda.get_device_properties(number) for number in range(cuda.device_count())]
    except (ImportError, OSError, RuntimeError) as error:
        return Fact(name="gpu", value=f"torch cannot tell: {error}", good=False, advice="install torch again")
    return Fact(
        name="gpu", value=", ".join(f"{one.name} ({one.total_memory / GIB:.0f} GiB)" for one in found) or "none"
    )


def user() -> Fact:
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return Fact(name="user", value="root", good=None, advice=ROOT_ADVICE)
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # as in a container
        name = f"user {os.geteuid()}" if hasattr(os, "geteuid") else "nobody that this system knows"
    return Fact(name="user", value=f"{name}, not root, which is best")


def room(place: Path, free: int) -> Fact:
    """Room on the disk of a folder, in bytes."""
    value, advice = f"{free / GIB:.1f} GiB free on the disk of {place}", f"free some room on the disk of {place}"
    if free >= GIB:
        return Fact(name="disk", value=value)
    return Fact(name="disk", value=value, good=False if free < 100 * MIB else None, advice=advice)
