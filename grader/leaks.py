"""What a student must never get: solutions, hidden checks, mutants and variants, searched for by their text.

White space does not count, and a notebook is searched as people see it, not as its JSON escapes it.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from grader.assignment import checks, experiments, load_mutants, load_variants
from grader.model import Assignment
from grader.problems import Problems
from grader.source import is_marker, read, solution_lines, stub

SHORTEST = 16  # characters of a line that tells something: `return x` does not
_SECRET_FOLDERS, _SECRET_FILES = {"solutions", "variants"}, {"mutants.toml"}


def answers(assignment: Assignment) -> frozenset[str]:
    """The telling lines inside solution regions, stripped; none that students read anyway, outside the regions."""
    inside: set[str] = set()
    for path, text in _sources(assignment).items():
        inside |= set(solution_lines(text, path=path))
    return _telling(inside, _given(assignment))


def leaks(assignment: Assignment, files: Mapping[str, bytes]) -> list[str]:
    """A line for each secret of the assignment that is in one of the files (name → content); says where and what."""
    secret_names = {path.name for path in map(assignment.hidden_checks, assignment.modules)} | _SECRET_FILES
    needles = _needles(assignment)
    given = _given(assignment)
    variants = {variant.name: _telling(set(variant.source.split("\n")), given) for variant in load_variants(assignment)}
    found = []
    for name, content in files.items():
        path = PurePosixPath(name)
        if path.name in secret_names or _SECRET_FOLDERS & set(path.parts[:-1]):
            found.append(f"{name}: belongs to the solutions")
        text = _text(name, content)
        if path.suffix in (".py", ".ipynb") and any(map(is_marker, text.split("\n"))):
            found.append(f"{name}: holds a marker of a solution region")
        squeezed = _squeeze(text)
        found += [f"{name}: {what}" for needle, what in needles.items() if needle in squeezed]
        for variant, lines in variants.items():
            if lines and 2 * sum(_squeeze(line) in squeezed for line in lines) > len(lines):
                found.append(f"{name}: holds most lines of variant {variant!r}")
    return found


def read_files(path: Path) -> dict[str, bytes]:
    """Name → content of what is in a folder, a wheel or a zip file; or of one file."""
    if path.is_dir():
        inside = sorted(file for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.parts)
        return {file.relative_to(path).as_posix(): file.read_bytes() for file in inside}
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            return {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}
    return {path.name: path.read_bytes()}


def _needles(assignment: Assignment) -> dict[str, str]:
    """Squeezed text that must not be found → what it is."""
    found = checks(assignment)
    public = {check.name.rpartition("::")[2] for check in found if not check.hidden}
    hidden = {check.name.rpartition("::")[2] for check in found if check.hidden} - public
    return (
        {_squeeze(line): f"holds a line of the solution: {line}" for line in sorted(answers(assignment))}
        | {f"def{name}(": f"holds the hidden check {name}" for name in sorted(hidden)}
        | {_squeeze(mutant.hint): f"holds the hint of mutant {mutant.name!r}" for mutant in load_mutants(assignment)}
    )


def _sources(assignment: Assignment) -> dict[Path, str]:
    paths = [assignment.reference(module) for module in assignment.modules]
    if experiments(assignment).exists():
        paths.append(experiments(assignment))
    with Problems() as problems:
        return {path: read(path, problems) for path in paths}


def _given(assignment: Assignment) -> str:
    """What students read of the sources, squeezed."""
    return _squeeze("\n".join(stub(text, path=path) for path, text in _sources(assignment).items()))


def _telling(lines: set[str], given: str) -> frozenset[str]:
    return frozenset(line.strip() for line in lines if len(line.strip()) >= SHORTEST and _squeeze(line) not in given)


def _text(name: str, content: bytes) -> str:
    text = content.decode("utf-8", "replace")
    if not name.endswith(".ipynb"):
        return text
    try:
        return "\n".join(_strings(json.loads(text)))
    except (ValueError, RecursionError):
        return text


def _strings(value: object) -> Iterator[str]:
    """Every text of a JSON value; a list of texts is the lines of one."""
    match value:
        case str():
            yield value
        case list() if value and all(isinstance(item, str) for item in value):
            yield "".join(value)
        case list():
            for item in value:
                yield from _strings(item)
        case dict():
            for key, item in value.items():
                yield key
                yield from _strings(item)


def _squeeze(text: str) -> str:
    return re.sub(r"\s+", "", text)
