"""What the commands take before they do anything, and which libraries it goes to."""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from grader.assignment import load_assignment
from tests.bench import contestants
from tests.bench.folders import GRADER, NBGRADER, Place, temporary
from tests.bench.options import Options
from tests.bench.people import a_class
from tests.bench.timing import ROUNDS, interleaved, line

FIRST = str(Path(__file__).with_name("first.py"))
TOP = 8
SHOWN = 0.01  # seconds; what takes less is not listed
IMPORTED = re.compile(r"^import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)$", re.MULTILINE)


def bench(options: Options) -> None:
    assignment = load_assignment(options.root, options.assignments[0])
    people = a_class(assignment, 1)
    to_first = [sys.executable, FIRST, "autograde", assignment.name]
    with temporary() as place:
        for make in (contestants.stock, contestants.ours):
            make(place, assignment, people)
        commands = {
            "python -c pass": ([sys.executable, "-c", "pass"], "."),
            "grader --version": ([*GRADER, "--version"], "."),
            "python -c 'import grader.grade'": ([sys.executable, "-c", "import grader.grade"], "."),
            "nbgrader --version": ([*NBGRADER, "--version"], "."),
            "nbgrader --version, with our configuration": ([*NBGRADER, "--version"], "ours"),
            "nbgrader autograde to the first submission, stock": (to_first, "stock"),
            "nbgrader autograde to the first submission, ours": (to_first, "ours"),
        }
        actions = [lambda c=command, i=inside: place.run(c, i) for command, inside in commands.values()]
        for name, times in zip(commands, interleaved(actions, options.rounds or ROUNDS), strict=True):
            line(name, statistics.median(times), "s")
        for name in ("nbgrader --version", "nbgrader autograde to the first submission, ours"):
            print(f"{name}: seconds of import by library, {TOP} longest")
            command, inside = commands[name]
            for library, seconds in imports(place, command[1:], inside).most_common(TOP):
                if seconds >= SHOWN:
                    line(f"  {library}", seconds, "s")


def imports(place: Place, arguments: Sequence[str], inside: str) -> Counter[str]:
    """Seconds that the modules of each library take to import, without what they import of others."""
    command = [sys.executable, "-X", "importtime", *arguments]
    done = subprocess.run(command, cwd=place.folder / inside, env=place.environment, capture_output=True, text=True)
    found: Counter[str] = Counter()
    for microseconds, module in IMPORTED.findall(done.stderr):
        found[module.partition(".")[0]] += int(microseconds) / 1e6
    return found
