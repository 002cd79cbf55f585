"""A zip that somebody handed in, read without trust.

Nothing is ever written where an archive says. A member is read into memory, under limits that hold for what comes out,
not for what the archive claims. A member that breaks a rule is not an error of the archive but of that member
(`Member.problem`), because a download of a whole class must not fail for one student; an archive whose own directory
cannot be trusted is a SubmissionError.
"""

from __future__ import annotations

import io
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from grader.errors import SubmissionError
from grader.files import FILE_BYTES, open_file, size
from grader.text import plain

RATIO = 200  # a member of more than a megabyte may be so many times larger than what stands in the archive
CHUNK = 65_536
DEPTH = 20  # folders in folders
NAME = 1_000  # characters of a name with its folders
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
AGAIN = "Make the zip anew and hand it in again."
REFUSED = "{} is refused, because of a file in it: {}."
BROKEN = (  # what zipfile raises at archives made to break it
    *(zipfile.BadZipFile, zlib.error, struct.error, ValueError, RuntimeError, OSError, EOFError, OverflowError),
    *(IndexError, MemoryError),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How much an archive may hold."""

    members: int
    directory: int  # bytes of its table of contents
    total: int  # bytes of all members of one student, uncompressed


STUDENT = Bounds(members=2_000, directory=500_000, total=200_000_000)
CLASS = Bounds(members=50_000, directory=20_000_000, total=20_000_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One file in an archive."""

    number: int  # its place in the table of contents
    parts: tuple[str, ...]  # folders and name
    size: int  # bytes, as the archive claims
    problem: str = ""  # why it must not be read

    @property
    def path(self) -> str:
        return plain("/".join(self.parts))


class Archive:
    """The table of contents of a zip, and its members one by one.

    Raises SubmissionError where it is no zip, or more than `bounds` allow.
    """

    def __init__(self, source: Path | bytes, name: str, bounds: Bounds = STUDENT) -> None:
        self._source, self.name, self.bounds = source, plain(name), bounds
        with self._opened() as archive:
            listed, end = archive.infolist(), archive.start_dir
        if len(listed) > bounds.members:
            raise SubmissionError(f"{self.name} holds more than {bounds.members} files.")
        self.members = _members(listed, end)

    def read(self, member: Member, limit: int = FILE_BYTES) -> bytes:
        """The bytes of a member, at most `limit`; errors: SubmissionError."""
        if member.problem:
            raise SubmissionError(REFUSED.format(self.name, member.problem))
        if member.size > limit:
            raise SubmissionError(f"{member.path} in {self.name} is larger than {size(limit)}.")
        with self._opened() as archive, archive.open(archive.infolist()[member.number]) as file:
            data = b"".join(iter(lambda: file.read(CHUNK), b""))  # zipfile stops at the size that it was told
        if len(data) != member.size:
            raise SubmissionError(f"{member.path} in {self.name} is not as large as {self.name} says. {AGAIN}")
        return data

    @contextmanager
    def _opened(self) -> Iterator[zipfile.ZipFile]:
        try:
            with _file(self._source) as file, zipfile.ZipFile(_Guarded(file, self.bounds.directory)) as archive:
                yield archive
        except BROKEN as error:
            raise SubmissionError(
                f"{self.name} is no zip that can be read ({plain(str(error), 80)}). {AGAIN}"
            ) from None


def check_total(members: Iterable[Member], name: str, bounds: Bounds = STUDENT) -> None:
    """Errors: SubmissionError, where the members of one student are too many or too much together."""
    sizes = [member.size for member in members]
    if len(sizes) > bounds.members:
        raise SubmissionError(f"{plain(name)} holds more than {bounds.members} files.")
    if sum(sizes) > bounds.total:
        raise SubmissionError(f"{plain(name)} holds more than {size(bounds.total)}.")


class _Guarded:
    """A file as `zipfile` needs one, which refuses to read more at once than a table of contents may have.

    zipfile reads the whole table into memory before it counts anything.
    """

    def __init__(self, file: IO[bytes], limit: int) -> None:
        self._file, self._limit = file, limit
        self.seek, self.tell, self.seekable, self.close = file.seek, file.tell, file.seekable, file.close

    def read(self, count: int = -1) -> bytes:
        if count > self._limit:
            raise zipfile.BadZipFile("its table of contents is too large")
        return self._file.read(self._limit if count < 0 else count)


def _file(source: Path | bytes) -> IO[bytes]:
    if isinstance(source, bytes):
        return io.BytesIO(source)
    return open_file(source)


def _members(listed: list[zipfile.ZipInfo], end: int) -> tuple[Member, ...]:
    """The files among the entries, each with what is wrong with it, if anything."""
    found = [
        Member(number=number, parts=_parts(info), size=info.file_size, problem=_problem(info))
        for number, info in enumerate(listed)
        if not (info.orig_filename.endswith("/") and not info.file_size)
    ]
    overlapping = _overlapping(listed, end)
    keys = [_key(member.parts) for member in found]
    count, folders = Counter(keys), {key[:depth] for key in keys for depth in range(1, len(key))}
    marked = []
    for member, key in zip(found, keys, strict=True):
        problem = member.problem
        if not problem and member.number in overlapping:
            problem = f"{member.path} shares its bytes with another file"
        if not problem and (count[key] > 1 or key in folders):
            problem = f"{member.path} stands in it twice (upper and lower case count as the same)"
        marked.append(replace(member, problem=problem))
    return tuple(marked)


def _parts(info: zipfile.ZipInfo) -> tuple[str, ...]:
    """Its folders and name, which say whose it is; a way out of the archive stays visible in them."""
    parts = info.orig_filename[:NAME].split("/")
    return tuple("(..)" if part == ".." else part for part in parts if part not in ("", "."))[-DEPTH:]


def _key(parts: tuple[str, ...]) -> tuple[str, ...]:
    """The same for all names that some file system takes for one."""
    return tuple(unicodedata.normalize("NFC", unicodedata.normalize("NFKC", part).casefold()) for part in parts)


def _problem(info: zipfile.ZipInfo) -> str:
    name = info.orig_filename
    shown, kind = plain(name, 80), stat.S_IFMT(info.external_attr >> 16)
    parts = name.split("/")
    if not name.strip("/. ") or "\0" in name or "\\" in name or len(name) > NAME:
        return f"the name {shown!r} is no name of a file"
    if name.startswith("/") or ".." in parts or (len(name) > 1 and name[1] == ":"):
        return f"{shown} leads out of the archive"
    if len(parts) > DEPTH:
        return f"{shown} lies more than {DEPTH} folders deep"
    if name.endswith("/") or kind not in (0, stat.S_IFREG):
        return f"{shown} is no regular file (a link, a pipe, a device)"
    if info.flag_bits & 0x2041:
        return f"{shown} is encrypted; a zip must have no password"
    if info.compress_type not in METHODS:
        return f"{shown} is compressed in an unusual way; make an ordinary zip"
    if info.file_size > 1_000_000 and info.file_size > RATIO * max(info.compress_size, 1):
        return f"{shown} would become {RATIO} times larger than the zip"
    return ""


def _overlapping(listed: list[zipfile.ZipInfo], end: int) -> set[int]:
    """The entries whose bytes reach into those of the next one, or into the table of contents; and that next one."""
    order = sorted(range(len(listed)), key=lambda number: listed[number].header_offset)
    found = set()
    for place, number in enumerate(order):
        info, following = listed[number], order[place + 1 : place + 2]
        limit = listed[following[0]].header_offset if following else end
        if info.header_offset + 30 + len(info.orig_filename) + info.compress_size > limit:
            found |= {number, *following}
    return found
