"""The files of a submitted folder: when it came, what of it is kept beside the graded notebook, and what it is called.

A folder holds what a student put there: links, pipes and unreadable files are passed over, never followed; so is a
folder that is a link itself.
"""

from __future__ import annotations

import datetime
import hashlib
import re
import secrets
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from nbgrader.utils import parse_utc

from grader.errors import SubmissionError
from grader.files import FILE_BYTES, Folder, read_file
from grader.model import Assignment

TIMESTAMP = "timestamp.txt"  # written by `nbgrader submit` and `zip_collect`
SECRET = "submission_secret.txt"  # names the student's feedback file in the exchange, so that nobody can guess it
KEPT_BYTES = 1_000_000  # of a file that is put beside the graded notebook
HASHED = (".py", ".ipynb", ".txt", ".zip")
HASHED_BYTES = 200_000_000  # of one submission
TIME = re.compile(r"[\w:.,+-]+( [\w:.,+-]+)?( [A-Za-z][A-Za-z_]*(/[A-Za-z_]+){0,2}| [+-]?\d{4})?")
STUDENT = re.compile(r"[\w.@+ -]*")


def usable_id(student: str) -> bool:
    """Whether a folder's name can be a student's: no text that a web page, a terminal or a command takes for its own.

    nbgrader's pages show it as it stands, and whoever may write to the exchange may choose it.
    """
    return len(student) <= 100 and student[:1].isalnum() and STUDENT.fullmatch(student) is not None


def read_timestamp(folder: Path) -> tuple[datetime.datetime | None, str]:
    """When it was handed in, in UTC, and a complaint if the file that says so is not readable ("" if all is well).

    formgrader stops at a file that it cannot parse, so such a file is set aside.
    """
    path = folder / TIMESTAMP
    if folder.is_symlink() or not (path.is_symlink() or path.exists()):
        return None, ""
    try:
        text = read_file(path, 200).decode().strip()
        if not TIME.fullmatch(text):
            raise ValueError("it has another form")
        return parse_utc(text), ""
    except (SubmissionError, ValueError, OverflowError, TypeError):  # parse_utc and a time zone that nobody knows
        return None, f"{path} holds no time{_set_aside(path)}; the submission counts as handed in on time"


def _set_aside(path: Path) -> str:
    aside = path.with_name(f"{TIMESTAMP}.unreadable-{secrets.token_hex(4)}")
    try:
        path.rename(aside)
    except OSError as error:
        return f" and cannot be renamed ({error.strerror}), so formgrader will stop at it: remove it"
    return f" and was renamed to {aside.name}"


def copy_kept(folder: Path, destination: Path, assignment: Assignment) -> None:
    """Put the modules beside the graded notebook, and the two files that nbgrader's feedback asks for."""
    for name in [*(f"{module}.py" for module in assignment.modules), TIMESTAMP, SECRET]:
        with suppress(SubmissionError):  # the report says so, where it matters
            if name in Folder(folder).names():
                (destination / name).write_bytes(read_file(folder / name, KEPT_BYTES))
    for name, content in ((TIMESTAMP, ""), (SECRET, secrets.token_hex(64))):
        if not (destination / name).exists():  # handed in without the exchange
            (destination / name).write_text(content, encoding="utf-8")


def fingerprint(folder: Path, assignment: Assignment) -> str:
    """SHA-256 of what was handed in and of what it is graded with, so that a change of either is graded again."""
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
    return _digest([*_handed(folder), *((path.name, path.read_bytes()) for path in ours if path.is_file())])


def _handed(folder: Path) -> Iterable[tuple[str, bytes]]:
    """Name and content of what was handed in; of what must not be read, the reason."""
    total = 0
    try:
        names = [name for name in Folder(folder).names() if Path(name).suffix in HASHED]
    except SubmissionError as error:
        yield "", str(error).encode()
        return
    for name in names:
        try:
            data = read_file(folder / name, min(FILE_BYTES, HASHED_BYTES - total))
        except SubmissionError as error:
            data = str(error).encode("utf-8", "replace")
        total += len(data)
        yield name, data


def _digest(files: Iterable[tuple[str, bytes]]) -> str:
    total = hashlib.sha256()
    for name, data in files:
        content = hashlib.sha256(data).hexdigest()
        total.update(f"{len(name)}:{name}:{content};".encode("utf-8", "surrogateescape"))
    return total.hexdigest()
