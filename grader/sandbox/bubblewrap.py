"""bubblewrap: a view of the machine that holds only what is needed: its own files, processes, network and names.

Source: bwrap(1).
"""

from __future__ import annotations

import shutil
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

import grader
from grader.errors import SandboxError
from grader.withheld import OPEN

MIB = 1 << 20
SCRATCH = Path("/scratch")  # inside


def program() -> str:
    """Where bubblewrap is.

    Raises:
        SandboxError: it is not installed.
    """
    found = shutil.which("bwrap")
    if found is None:
        raise SandboxError("bubblewrap is not installed")
    return found


@cache
def libraries() -> tuple[Path, ...]:
    """What Python code needs to be able to read: the interpreter's and the system's libraries, and this package.

    Not the prefix of the interpreter itself: a virtual environment may have been made in the course folder.
    """
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    places = {Path(sysconfig.get_path(name)) for name in names}
    places |= {Path(prefix) / "lib" for prefix in (sys.prefix, sys.base_prefix)}
    places |= {Path(folder) for folder in sys.path if Path(folder).name in ("site-packages", "dist-packages")}
    places |= {Path(folder) for folder in ("/usr/lib", "/usr/lib64", "/usr/lib32", "/lib", "/lib64", "/usr/local/lib")}
    places |= {Path("/usr/share/zoneinfo"), Path("/usr/share/fonts"), Path(grader.__file__).parent}
    return _outermost({place.resolve() for place in places if place.exists()})


@cache
def readable(*withheld: str) -> tuple[Path, ...]:
    """The same, for a worker: without the libraries that are withheld, and what of this package is not for it."""
    packages = {place for place in (*map(Path, sys.path), *libraries()) if place.is_dir()}
    packages |= {place for folder in libraries() for place in folder.glob("python*/*-packages")}
    ours = Path(grader.__file__).parent.resolve()
    shown = {ours / part for _, _, part in (name.partition(".") for name in OPEN)}
    shown |= {part.with_suffix(".py") for part in shown} | {ours / "__init__.py"}
    hidden = {place for folder in packages for name in withheld for place in folder.glob(f"{name}*")}
    hidden = {place.resolve() for place in hidden if place.name.partition(".")[0] in withheld}
    hidden |= {place for place in ours.iterdir() if place not in shown}
    return tuple(around for place in libraries() for around in _around(place, hidden))


def _around(place: Path, hidden: set[Path]) -> Iterator[Path]:
    """A file or folder, in as few parts as leave out what is hidden."""
    if place in hidden:
        return
    if not any(place in path.parents for path in hidden):
        yield place
        return
    for part in sorted(place.iterdir()):
        if part.resolve() == part:  # a link leads to what is readable by itself, or not to be read
            yield from _around(part, hidden)


def command(
    run: Sequence[str],
    *,
    readable: Iterable[Path],
    environment: Mapping[str, str],
    scratch_mb: float,
) -> list[str]:
    """The command that runs another one inside. It belongs into a session of its own, to be killed as a group.

    Args:
        run: the command and its arguments.
        readable: files and folders that are there, read-only.
        environment: all of it.
        scratch_mb: MiB of `SCRATCH`, which is its working folder and exists in memory only.
    """
    parts = [program(), "--unshare-all", "--clearenv", "--cap-drop", "ALL"]
    for name, value in environment.items():
        parts += ["--setenv", name, value]
    parts += ["--proc", "/proc", "--dev", "/dev", "--size", str(int(scratch_mb * MIB)), "--tmpfs", str(SCRATCH)]
    for path in (*_loaders(), *readable):
        parts += ["--ro-bind", str(path), str(path)]
    return [*parts, "--remount-ro", "/", "--chdir", str(SCRATCH), "--", *run]


def _loaders() -> Iterable[Path]:
    """What it takes to start the interpreter: itself, and the system's links to its libraries."""
    yield from {Path(sys.executable), Path(sys.executable).resolve()}
    yield from (path for path in (Path(sys.prefix) / "pyvenv.cfg", Path("/lib"), Path("/lib64")) if path.exists())


def _outermost(places: set[Path]) -> tuple[Path, ...]:
    return tuple(sorted(place for place in places if not places.intersection(place.parents)))
