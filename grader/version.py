"""The version of an assignment: a digest of all that decides a score, so that equal versions give equal scores."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import grader
from grader.model import Assignment, digest

PACKAGES = ("numpy", "torch", "scipy", "scikit-learn", "hypothesis", "pytest")  # what checks compute and draw with
UNGRADED = ("README.md", "experiments.py")  # nothing of them is run when work is graded
UNNEEDED = ("variants", "__pycache__")


def ingredients(assignment: Assignment) -> dict[str, str]:
    """What the version is made of, by name, so that it can be said what differs."""
    files = [path for path in files_of(assignment) if path.name not in UNGRADED]
    return {"assignment": _files(files, assignment.root)} | _tools()


def version_of(parts: Mapping[str, str]) -> str:
    """SHA-256 of the ingredients."""
    return digest(part for item in sorted(parts.items()) for part in item)


def differences(ours: Mapping[str, str], theirs: Mapping[str, str]) -> str:
    """Where two machines differ: "numpy 2.4.6 here, 2.3.1 there"; empty if they do not."""
    different = sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))
    return "; ".join(f"{name} {_short(ours.get(name))} here, {_short(theirs.get(name))} there" for name in different)


def files_of(assignment: Assignment) -> Iterator[Path]:
    """The files that grading needs: all of both folders but notebooks, variants and what Python leaves behind."""
    for folder in (assignment.student_dir, assignment.solution_dir):
        for path in sorted(folder.rglob("*")):
            parts = path.relative_to(folder).parts
            hidden = any(part.startswith(".") or part in UNNEEDED for part in parts)
            if path.is_file() and not hidden and path.suffix != ".ipynb":
                yield path


@cache
def _tools() -> dict[str, str]:
    """Our own source, Python and the libraries; they stay the same while a process runs."""
    package = Path(grader.__file__).parent
    source = [path for path in sorted(package.rglob("*")) if path.suffix in (".py", ".ini")]
    found = {"grader": _files(source, package), "python": platform.python_version(), "machine": platform.machine()}
    return found | {name: _installed(name) for name in PACKAGES}


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"


def _files(paths: Iterable[Path], root: Path) -> str:
    """SHA-256 of names and contents."""
    return digest(part for path in paths for part in (path.relative_to(root).as_posix(), path.read_bytes()))


def _short(value: str | None) -> str:
    return (value or "none")[:12]
