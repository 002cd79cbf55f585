"""Whose a file is, in what a learning platform (an LMS) gives as one download of a whole class.

    Blackboard   hw1_jdoe_attempt_2026-11-03-11-05-00_linear.py
    Canvas       doejane_LATE_12345_67890_linear-1.ipynb
    Moodle       Jane Doe_12345_assignsubmission_file_/linear.ipynb
    Brightspace  123-456 - Jane Doe - Nov 3, 2026 1105 PM/linear.ipynb
    Gradescope   submission_12345/linear.py, with the names in submission_metadata.yml
    otherwise    ada/hw1/linear.py, ada/linear.py, ada.zip: the name of the folder or zip is the student's

A platform's pattern is held against the beginning of a path only, which the platform wrote; what a student may choose
(the names of files, and folders in a zip of theirs) never says whose a file is.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

Parts = tuple[str, ...]

PLATFORMS = tuple(
    re.compile(pattern, re.DOTALL)
    for pattern in (
        r"[^/_]+_(?P<student>[^/]+?)_attempt_(?P<when>\d{4}[\d-]+)_(?P<file>[^/]+)",
        r"(?P<student>[^/]+?)_(?P<id>\d+)_assignsubmission_file_?/?(?P<file>.+)",
        r"(?P<id>\d+-\d+) - (?P<student>[^/]+?) ?- (?P<when>[^/]+)/(?P<file>.+)",
        r"submission_(?P<id>\d+)/(?P<file>.+)",
        r"(?P<student>[^/_]+)(?:_LATE)?_(?P<id>\d+)_(?P<upload>\d+)_(?P<file>[^/]+)",
    )
)
JUNK = re.compile(r"(?:^|/)(?:__MACOSX|\.ipynb_checkpoints|__pycache__|\.DS_Store|\._[^/]*|\.git)(?:/|$)")
WORK = (".py", ".ipynb", ".zip")
COPY = re.compile(r"-\d+$")  # Canvas numbers the files of a second attempt
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
METADATA = "submission_metadata.yml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Handin:
    """Whose a file is."""

    student: str  # unique in its class
    name: Parts  # of the file, as the student called it
    when: str = ""  # sorts as time does; "" where the download does not say
    attempts: int = 1  # how often this student handed in
    counts: bool = True  # whether it belongs to the last attempt


@dataclass(frozen=True, slots=True)
class _Owner:
    identity: str  # tells people apart: the platform's number, or the name as it stands
    label: str


@dataclass(frozen=True, slots=True)
class _File:
    path: Parts
    owner: _Owner
    name: Parts
    when: str
    upload: int  # Canvas's number, 0 elsewhere


def whose(
    paths: Iterable[Parts], default: str, assignment: str, names: Mapping[str, str] | None = None
) -> dict[Parts, Handin]:
    """Whose each of the files is; what belongs to nobody is left out.

    Args:
        paths: all files of one download, as folders and name.
        default: the student, where it is the work of one only.
        assignment: its name; in <student>/<assignment>/ only that folder counts.
        names: of Gradescope's submissions, by number: `gradescope_names`.
    """
    work = [path for path in paths if path and path[-1].lower().endswith(WORK) and not JUNK.search("/".join(path))]
    shared = _shared(work)
    found = {path: match for path in work if (match := _match(path[shared:]))}
    if found:
        return _told(_owned(found, names or {}))
    if len({path[shared:] for path in work}) < 2 or any(_loose(path[shared:]) for path in work):
        above = work[0][:shared] if work else ()
        student = above[-2] if len(above) > 1 and above[-1] == assignment else default
        return {path: Handin(student=student_id(student), name=path[shared:]) for path in work}
    return _told(_folders(work, shared, assignment))


def student_id(name: str) -> str:
    """A name as a folder, a gradebook, a web page and a spreadsheet can bear it: letters, digits and a few signs."""
    return re.sub(r"[^\w .@+-]+", "_", name)[:100].strip().lstrip(".@+-") or "_"


def _loose(path: Parts) -> bool:
    """Whether it is a file of work outside of any folder, as in the zip of one student."""
    return len(path) == 1 and not path[0].lower().endswith(".zip")


def gradescope_names(metadata: str) -> dict[str, str]:
    """The students of each submission, by its number, from Gradescope's submission_metadata.yml."""
    names: dict[str, list[str]] = defaultdict(list)
    number, key = "", ""
    for line in metadata.splitlines():
        if start := re.match(r"['\"]?submission_(\d+)", line):
            number = start[1]
        elif start := re.match(r"  :(\w+):", line):
            key = start[1]
        elif key == "submitters" and (said := re.match(r"  (?:- |  ):name: ['\"]?(.+?)['\"]?\s*$", line)):
            names[number].append(said[1])
    return {number: " and ".join(found) for number, found in names.items()}


def _match(path: Sequence[str]) -> re.Match[str] | None:
    whole = "/".join(path)
    return next((match for pattern in PLATFORMS if (match := pattern.fullmatch(whole))), None)


def _shared(paths: Sequence[Parts]) -> int:
    """How many folders at the top hold everything, down to where a platform's own names begin."""
    depth = 0
    while (
        not any(_match(path[depth:]) for path in paths)
        and all(len(path) > depth + 1 for path in paths)
        and len({path[depth] for path in paths}) == 1
    ):
        depth += 1
    return depth


def _owned(found: Mapping[Parts, re.Match[str]], names: Mapping[str, str]) -> list[_File]:
    files = []
    for path, match in found.items():
        said = match.groupdict(default="")
        number, upload = said.get("id", ""), said.get("upload", "")
        label = said.get("student") or names.get(number) or f"submission_{number}"
        name = tuple(part for part in match["file"].split("/") if part)
        if upload:
            last = PurePosixPath(name[-1])
            name = (COPY.sub("", last.stem) + last.suffix,)
        when = said.get("when", "")
        person = number.partition("-")[0] if when else number
        owner = _Owner(person or label, student_id(label))
        files.append(_File(path, owner, name, sortable(when), int(upload[:18] or 0)))
    return files


def _folders(work: Sequence[Parts], shared: int, assignment: str) -> list[_File]:
    """One folder or zip for each student, or one for each student and assignment."""
    files = []
    here = [path for path in work if len(path) > shared + 2 and path[shared + 1] == assignment]
    for path in here or work:
        top, *inner = path[shared:]
        name = top if inner else PurePosixPath(top).stem
        files.append(_File(path, _Owner(name, student_id(name)), tuple(inner) or (top,), "", 0))
    return files


def _told(files: Sequence[_File]) -> dict[Parts, Handin]:
    """Whose each file is; the last attempt of each counts, and of two files with one name the last uploaded."""
    people: dict[str, set[str]] = defaultdict(set)
    times: dict[_Owner, set[str]] = defaultdict(set)
    uploads: dict[tuple[_Owner, Parts], set[int]] = defaultdict(set)
    for file in files:
        people[file.owner.label].add(file.owner.identity)
        times[file.owner].add(file.when)
        uploads[file.owner, file.name].add(file.upload)
    attempts = {owner: len(found) for owner, found in times.items()}
    for (owner, _), found in uploads.items():
        attempts[owner] = max(attempts[owner], len(found))
    return {
        file.path: Handin(
            student=_called(file.owner, people[file.owner.label]),
            name=file.name,
            when=file.when,
            attempts=attempts[file.owner],
            counts=file.when == max(times[file.owner]) and file.upload == max(uploads[file.owner, file.name]),
        )
        for file in files
    }


def _called(owner: _Owner, people: set[str]) -> str:
    """The name of a student; where two have the same one, with what tells them apart."""
    if len(people) == 1:
        return owner.label
    mark = owner.identity if owner.identity.isdigit() else sorted(people).index(owner.identity) + 1
    return f"{owner.label} {mark}"


def sortable(time: str) -> str:
    """A platform's time in a form that sorts: "Nov 3, 2026 1105 PM" → "2026-11-03 23:05"; others as they are."""
    words = re.findall(r"[A-Za-z]+|\d+", time)
    months = [number for number, month in enumerate(MONTHS, 1) for word in words if word[:3].lower() == month]
    numbers = [int(word) for word in words if word.isdigit() and len(word) < 9]
    if len(months) != 1 or len(numbers) != 3:
        return time
    day, year, clock = numbers
    hour, minute = divmod(clock, 100)
    if re.search(r"[AP]M$", time, re.IGNORECASE):
        hour = hour % 12 + 12 * time.upper().endswith("PM")
    return f"{year:04}-{months[0]:02}-{day:02} {hour:02}:{minute:02}"
