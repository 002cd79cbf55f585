"""Chooses what is measured; the long ones only if they are named."""

from __future__ import annotations

import argparse
import importlib
import platform
import re
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import tests.bench
from grader.assignment import assignment_names
from grader.grade import environment
from grader.machine import cpus
from tests.bench.options import Options

SHORT = ("startup", "workers", "boundary", "isolation", "floor", "peers")
LONG = ("scale", "throughput", "spread", "resources")
LIBRARIES = ("torch", "pytest", "hypothesis", "nbgrader")


def main(arguments: Sequence[str] | None = None, root: Path = Path(__file__).parent.parent.parent) -> None:
    names = assignment_names(root)
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench", description=tests.bench.__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("what", nargs="*", metavar="NAME", help="what to measure; all but the long ones, if not said")
    parser.add_argument("-a", "--assignment", action="append", choices=names, help="of these only; may be repeated")
    parser.add_argument(
        "-n",
        "--submissions",
        type=int,
        metavar="N",
        nargs="+",
        help="the size of the class (peers: 10), or the sizes (scale)",
    )
    parser.add_argument(
        "-r", "--rounds", type=int, metavar="R", help="interleaved rounds, of which the median is printed"
    )
    given = parser.parse_args(arguments)
    if unknown := set(given.what) - {*SHORT, *LONG}:
        parser.error(f"nothing is called {', '.join(sorted(unknown))}; there are {', '.join((*SHORT, *LONG))}")
    chosen = tuple(given.assignment or names)
    options = Options(root=root, assignments=chosen, sizes=tuple(given.submissions or ()), rounds=given.rounds)
    print(machine())
    for name in given.what or SHORT:
        print(f"\n{name}", flush=True)
        importlib.import_module(f"tests.bench.{name}").bench(options)


def machine() -> str:
    """The machine, and the versions of what is measured."""
    info = Path("/proc/cpuinfo").read_text("utf-8") if Path("/proc/cpuinfo").exists() else ""
    names = re.findall(r"^model name\s*: (.*)", info, re.MULTILINE) or [platform.processor()]
    versions = environment(True) | {library: version(library) for library in LIBRARIES}
    return (
        f"{names[0] or 'processor'} ({platform.machine()}), {cpus(None).value} processors; {platform.system()} {platform.release()}\n"
        + ", ".join(f"{key} {value}" for key, value in versions.items())
    )


if __name__ == "__main__":
    main()
