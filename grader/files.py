"""The files of one submission, read without trust: regular files only, never followed, never waited for, bounded.

A file is opened first, without following a link and without waiting, and looked at afterwards, through what was
opened; so nothing can be put in its place between the look and the reading.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Protocol

from grader.errors import SubmissionError
from grader.text import plain

FILE_BYTES = 50_000_000  # of a notebook with its pictures, or a zip
ENTRIES = 2_000  # in one folder
OPENING = os.O_RDONLY
for _flag in ("O_NOFOLLOW", "O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC", "O_BINARY"):  # as far as the system has them
    OPENING |= getattr(os, _flag, 0)


class Files(Protocol):
    """What one student handed in: some files by name, and what there is to say about how they were found."""

    @property
    def notes(self) -> tuple[str, ...]: ...

    def names(self) -> tuple[str, ...]:
        """The names of its regular files, sorted; errors: SubmissionError, where it must not be read."""

    def read(self, name: str, limit: int = FILE_BYTES) -> bytes:
        """One file of at most `limit` bytes; errors: SubmissionError."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder on disk; what lies deeper is not looked at."""

    path: Path
    notes: tuple[str, ...] = ()

    def names(self) -> tuple[str, ...]:
        return tuple(sorted(entry.name for entry in entries(self.path) if entry.is_file(follow_symlinks=False)))

    def read(self, name: str, limit: int = FILE_BYTES) -> bytes:
        return read_file(self.path / name, limit)


@dataclass(frozen=True, slots=True)
class Single:
    """One file on disk."""

    path: Path
    notes: tuple[str, ...] = ()

    def names(self) -> tuple[str, ...]:
        return (self.path.name,)

    def read(self, name: str, limit: int = FILE_BYTES) -> bytes:
        return read_file(self.path, limit)


@dataclass(frozen=True, slots=True)
class Refused:
    """A submission that must not be read, and why."""

    why: str
    notes: tuple[str, ...] = ()

    def names(self) -> tuple[str, ...]:
        raise SubmissionError(self.why)

    def read(self, name: str, limit: int = FILE_BYTES) -> bytes:
        raise SubmissionError(self.why)


def is_work(name: str) -> bool:
    """Whether a file of this name may hold somebody's work: no checks, no experiments, nothing hidden."""
    return name.endswith((".py", ".ipynb")) and not name.startswith(("test_", "conftest", "experiments", "."))


def is_regular(path: Path) -> bool:
    """Whether it is a file itself: no link to elsewhere, no pipe that never ends."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except (OSError, ValueError):  # a name with a NUL
        return False


def entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    """What stands in a folder, which is no link; errors: SubmissionError, also where it is more than ENTRIES."""
    if folder.is_symlink():
        raise SubmissionError(f"{plain(folder.name)} is a link to another place. Hand in the files themselves.")
    try:
        with os.scandir(folder) as found:
            listed = list(islice(found, ENTRIES + 1))
    except OSError as error:
        raise SubmissionError(f"The folder {plain(folder.name)} cannot be read: {error.strerror}.") from None
    if len(listed) > ENTRIES:
        raise SubmissionError(f"{plain(folder.name)} holds more than {ENTRIES} files. Hand in only what was asked for.")
    return iter(listed)


def read_file(path: Path, limit: int = FILE_BYTES) -> bytes:
    """A regular file of at most `limit` bytes.

    Raises:
        SubmissionError: there is none, it is a link, a pipe, a device or a folder, it is larger, or it may not be read.
    """
    with open_file(path) as file:
        if os.fstat(file.fileno()).st_size > limit or len(data := file.read(limit + 1)) > limit:
            raise SubmissionError(f"{plain(path.name)} is larger than {size(limit)}.")
    return data


def open_file(path: Path) -> BinaryIO:
    """A regular file, opened; errors: SubmissionError."""
    name = plain(path.name)
    if not is_regular(path):  # opening a device may already act on it
        raise SubmissionError(f"There is no file {name}.")
    try:
        file = open(path, "rb", opener=lambda path, _: os.open(path, OPENING))  # noqa: SIM115 - for the caller to close
    except OSError as error:
        raise SubmissionError(f"{name} cannot be read: {error.strerror}.") from None
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise SubmissionError(f"There is no file {name}.")
    return file


def size(count: int) -> str:
    """Bytes for people: "50 MB", "500 kB"."""
    return f"{count / 1e6:g} MB" if count >= 1_000_000 else f"{count / 1e3:g} kB"
