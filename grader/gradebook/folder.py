"""The files of a submitted folder: when it came, what of it is kept beside the graded notebook, and what it is called.

A folder holds what a student put there: links, pipes and unreadable files are passed over, never followed.
"""

from __future__ import annotations

import datetime
import hashlib
import secrets
import shutil
from collections.abc import Iterable
from pathlib import Path

from nbgrader.utils import parse_utc

from grader.gradebook.handin import is_file
from grader.model import Assignment

TIMESTAMP = "timestamp.txt"  # written by `nbgrader submit` and `zip_collect`
SECRET = "submission_secret.txt"  # names the student's feedback file in the exchange, so that nobody can guess it


def read_timestamp(folder: Path) -> tuple[datetime.datetime | None, str]:
    """When it was handed in, in UTC, and a complaint if the file that says so is not readable ("" if all is well).

    formgrader stops at a file that it cannot parse, so such a file is set aside.
    """
    path = folder / TIMESTAMP
    if not path.is_symlink() and not path.exists():
        return None, ""
    try:
        text = path.read_text(encoding="utf-8").strip() if is_file(path) and path.stat().st_size < 200 else ""
        return parse_utc(text), ""
    except (ValueError, OverflowError):
        path.rename(folder / f"{TIMESTAMP}.unreadable")
        return None, f"{path} holds no time; it was renamed, and the submission counts as handed in on time"


def copy_kept(folder: Path, destination: Path, assignment: Assignment) -> None:
    """Put the modules beside the graded notebook, and the two files that nbgrader's feedback asks for."""
    for name in [*(f"{module}.py" for module in assignment.modules), TIMESTAMP, SECRET]:
        if is_file(folder / name):
            shutil.copyfile(folder / name, destination / name)
    for name, content in ((TIMESTAMP, ""), (SECRET, secrets.token_hex(64))):
        if not (destination / name).exists():  # handed in without the exchange
            (destination / name).write_text(content, encoding="utf-8")


def fingerprint(folder: Path, assignment: Assignment) -> str:
    """SHA-256 of what was handed in and of what it is graded with, so that a change of either is graded again."""
    handed = [path for path in sorted(folder.glob("*")) if path.suffix in (".py", ".ipynb", ".txt") and is_file(path)]
    ours = [
        path
        for module in assignment.modules
        for path in (
            assignment.public_checks(module),
            assignment.hidden_checks(module),
            assignment.release_dir / f"{module}.ipynb",
        )
    ]
    ours.append(assignment.solution_dir / "assignment.toml")  # limits, and the seed of the examples
    return _digest([*handed, *(path for path in ours if is_file(path))])


def _digest(paths: Iterable[Path]) -> str:
    total = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        total.update(f"{len(path.name)}:{path.name}:{content};".encode("utf-8", "surrogateescape"))
    return total.hexdigest()
