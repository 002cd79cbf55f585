"""What was handed in, as the files of each student: a file, a folder, a zip, or the zip of a whole class.

Of a zip only the folder counts that holds the work; a zip in the zip of a class, or in a student's folder, is opened
once, and no deeper.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from grader.archive import CLASS, REFUSED, STUDENT, Archive, Member, check_total
from grader.downloads import JUNK, METADATA, WORK, Handin, Parts, gradescope_names, whose
from grader.errors import SubmissionError
from grader.files import FILE_BYTES, Files, Folder, Refused, Single, is_work, read_file
from grader.text import plain

OPENED = "{} was opened; files outside of it were left aside."
AGAIN = "This was handed in {} times: the last one counts{}."


@dataclass(frozen=True, slots=True)
class Zipped:
    """Files in an archive, by name."""

    archive: Archive
    members: Mapping[str, Member]
    notes: tuple[str, ...] = ()

    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self.members))

    def read(self, name: str, limit: int = FILE_BYTES) -> bytes:
        return self.archive.read(self.members[name], limit)


def opened(path: Path) -> Files:
    """What one student handed in: a file, a folder, a zip, or a folder with nothing but a zip in it.

    Raises:
        SubmissionError: the zip cannot be read, or must not be.
    """
    if path.is_dir():
        folder = Folder(path)
        names = folder.names()
        zips = [name for name in names if name.lower().endswith(".zip")]
        if any(is_work(name) for name in names) or len(zips) != 1:
            return folder
        return of_zip(folder.read(zips[0]), zips[0], (OPENED.format(plain(zips[0])),))
    if path.suffix.lower() == ".zip":
        return of_zip(read_file(path), path.name)
    return Single(path)


def of_zip(data: bytes, name: str, notes: tuple[str, ...] = ()) -> Files:
    """The zip of one student; errors: SubmissionError."""
    archive = Archive(data, name, STUDENT)
    return _files(archive, [(member.parts, member) for member in archive.members], notes)


def class_of(path: Path, assignment: str) -> tuple[dict[str, Files], tuple[str, ...]]:
    """The files of each student in a zip, and what of it was left aside.

    Raises:
        SubmissionError: the zip itself cannot be read.
    """
    archive = Archive(path, path.name, CLASS)
    members = {member.parts: member for member in archive.members}
    found = whose(members, path.stem, assignment, _names(archive))
    left = tuple(plain("/".join(parts)) for parts in members if parts not in found and _matters(parts))
    students: dict[str, list[Parts]] = defaultdict(list)
    for parts, handin in found.items():
        if handin.counts:
            students[handin.student].append(parts)
    return {
        student: _student(archive, {parts: (found[parts], members[parts]) for parts in students[student]})
        for student in sorted(students)
    }, left


def _names(archive: Archive) -> dict[str, str]:
    metadata = [member for member in archive.members if member.parts[-1:] == (METADATA,) and not member.problem]
    if len(metadata) != 1:
        return {}
    return gradescope_names(archive.read(metadata[0]).decode("utf-8", "replace"))


def _matters(parts: Parts) -> bool:
    return bool(parts) and parts[-1].lower().endswith(WORK) and not JUNK.search("/".join(parts))


def _student(archive: Archive, files: Mapping[Parts, tuple[Handin, Member]]) -> Files:
    """The files of one student in the zip of a class; what is wrong with them is said when they are read."""
    last = next(iter(files.values()))[0]
    times = f", of {last.when}" if last.when else ""
    notes = (AGAIN.format(last.attempts, plain(times)),) if last.attempts > 1 else ()
    mine = [(handin.name, member) for handin, member in files.values()]
    zips = [(name[-1], member) for name, member in mine if name[-1].lower().endswith(".zip")]
    try:
        if len(zips) == 1 and not any(is_work(name[-1]) for name, _ in mine):
            name, member = zips[0]
            return of_zip(archive.read(member), name, notes)
        return _files(archive, mine, notes)
    except SubmissionError as error:
        return Refused(str(error), notes)


def _files(archive: Archive, mine: Sequence[tuple[Parts, Member]], notes: tuple[str, ...]) -> Zipped:
    """The files in the one folder that holds the work; errors: SubmissionError, where a member must not be there."""
    for _, member in mine:
        if member.problem:
            raise SubmissionError(REFUSED.format(archive.name, member.problem))
    check_total([member for _, member in mine], archive.name)
    top = work_folder([name for name, _ in mine], archive.name)
    return Zipped(archive, {name[-1]: member for name, member in mine if name[:-1] == top and name}, notes)


def work_folder(names: Iterable[Parts], shown: str) -> Parts:
    """The folder that holds the work: the one nearest to the top; errors: SubmissionError, where there are several."""
    kept = [name for name in names if name and not JUNK.search("/".join(name))]
    folders = {name[:-1] for name in kept if is_work(name[-1])} or {name[:-1] for name in kept} or {()}
    top = sorted(folder for folder in folders if len(folder) == min(map(len, folders)))
    if len(top) > 1:
        named = ", ".join(plain("/".join(folder), 60) for folder in top[:4])
        raise SubmissionError(f"{shown} holds work in several folders ({named}). Hand in one of them.")
    return top[0]
