"""What runs on a worker of a cluster: takes in a course, if this host may grade it; then grades units of it."""

from __future__ import annotations

import io
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

from grader.assignment import load_assignment
from grader.batch.unit import Graded, Trouble, Unit, do, patience
from grader.errors import SandboxError
from grader.grade import require_sandbox
from grader.model import Assignment
from grader.version import differences, files_of, ingredients, version_of

_courses: dict[str, Assignment] = {}  # by version
_folders: list[tempfile.TemporaryDirectory[str]] = []  # which hold them, for as long as this process lives


def parcel(assignment: Assignment) -> bytes:
    """What a host needs of the course, as a zip."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files_of(assignment):
            archive.write(path, path.relative_to(assignment.root))
    return data.getvalue()


def take_in(data: bytes, name: str, expected: Mapping[str, str], accept_unsandboxed: bool, place: str) -> str:
    """Unpack the course into a private folder; returns why this host must not grade it, and "" if it may.

    Args:
        expected: the ingredients of the version, as the coordinator has them.
        place: a folder on a disk of this host.
    """
    version = version_of(expected)
    try:
        require_sandbox(accept_unsandboxed)
    except SandboxError as error:
        return str(error)
    if version in _courses:
        return ""
    import grader.batch.warm  # noqa: F401

    folder = tempfile.TemporaryDirectory(prefix="course-", dir=place)  # for its owner alone
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        archive.extractall(folder.name)  # our own, not a submission
    assignment = load_assignment(Path(folder.name), name)
    if different := differences(expected, ingredients(assignment)):
        folder.cleanup()
        return f"scores could differ from those of other machines; make them alike: {different}"
    _courses[version] = assignment
    _folders.append(folder)
    return ""


def grade_unit(unit: Unit) -> Graded | Trouble:
    """Grade one submission."""
    if unit.version not in _courses:  # a worker that was started again under its old name
        return Trouble(message="the worker had lost the course")
    assignment = _courses[unit.version]
    with patience(assignment):
        return do(assignment, unit)
