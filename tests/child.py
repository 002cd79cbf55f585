"""Runs code in a process of its own, for tests of what a process does to itself."""

import subprocess
import sys
import textwrap


def run(code: str, *arguments: object, **options: object) -> str:
    """What the code printed; an error of it fails the test."""
    command = [sys.executable, "-B", "-W", "error", "-c", textwrap.dedent(code), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
