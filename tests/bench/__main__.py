"""Chooses what is measured; the long ones only if they are named."""

from __future__ import annotations

import argparse
import importlib
import platform
from collections.abc import Sequence
from pathlib import Path

import tests.bench
from grader.assignment import assignment_names
from grader.grade import environment
from grader.machine import cpus
from tests.bench.options import Options

SHORT = ("startup", "workers", "boundary", "isolation", "floor", "peers")
LONG = ("scale",)


def main(arguments: Sequence[str] | None = None, root: Path = Path(__file__).parent.parent.parent) -> None:
    names = assignment_names(root)
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench", description=tests.bench.__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("what", nargs="*", metavar="NAME", help="what to measure; all but `scale`, if not said")
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
    versions = ", ".join(f"{key} {value}" for key, value in environment(True).items())
    print(f"{platform.machine()}, {platform.system()} {platform.release()}; {cpus(None).value} processors; {versions}")
    for name in given.what or SHORT:
        print(f"\n{name}", flush=True)
        importlib.import_module(f"tests.bench.{name}").bench(options)


if __name__ == "__main__":
    main()
