"""`nbgrader zip_collect` of what a learning platform (an LMS) gives as one download.

nbgrader's own extractor believes what an archive says: how large its files become, which of them are zips in zips in
zips, and where they go. Ours opens the downloaded zips once, through `grader.archive`; a zip of a student's stays a
zip, which grading opens.

nbgrader's own collector keeps the newest of two files with one name, which mixes attempts: the .py of the first and
the notebook of the second end in one folder. Ours takes the newest attempt of each student, whole.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from functools import cached_property
from pathlib import Path
from typing import Any

from nbgrader.plugins import ExtractorPlugin, FileNameCollectorPlugin
from nbgrader.utils import parse_utc

from grader.archive import CLASS, Archive
from grader.downloads import JUNK, METADATA, Handin, Parts, gradescope_names, student_id, whose
from grader.errors import SubmissionError
from grader.files import FILE_BYTES, is_regular, read_file
from grader.ingest import work_folder
from grader.text import plain

TOTAL_BYTES = 20_000_000_000  # of one `nbgrader zip_collect`
NOBODY = "_"  # of files beside the zips that no platform has named
PART = 200  # characters of a folder's or file's name


class SafeExtractor(ExtractorPlugin):  # type: ignore[misc]
    """Opens the zips of archive/ into extracted/, each into a folder of its own, and copies the other files there."""

    def extract(self, archive_path: str, extracted_path: str) -> None:
        root, room = Path(archive_path), TOTAL_BYTES
        for folder, _, names in sorted(os.walk(root)):
            for name in sorted(names):
                path = Path(folder, name)
                target = _below(extracted_path, path.relative_to(root).parts)
                try:
                    if name.lower().endswith(".zip"):
                        room = self._open(path, target.with_suffix(""), room)
                    elif is_regular(path):
                        _write(target, read_file(path))
                except (SubmissionError, OSError) as error:
                    self.log.error("Left out: %s", plain(str(error), 300))

    def _open(self, path: Path, target: Path, room: int) -> int:
        """Write the members of a zip below `target`; returns how many bytes are still allowed."""
        self.log.info("Opening %s", path)
        archive = Archive(path, path.name, CLASS)
        for member in archive.members:
            if member.parts and not JUNK.search("/".join(member.parts)):
                try:
                    data = archive.read(member, min(FILE_BYTES, room))
                    _write(_below(target, member.parts), data)
                    room -= len(data)
                except (SubmissionError, OSError) as error:
                    self.log.error("Left out: %s", plain(str(error), 300))
        return room


def _below(folder: Path | str, parts: Parts) -> Path:
    """A path below a folder, with names that show what they are."""
    return Path(folder, *(re.sub(r"[^\w .,;@+()'&-]", "_", part)[-PART:] for part in parts))


def _write(path: Path, data: bytes) -> None:
    """A new file, where there was nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        file.write(data)


class NewestAttempt(FileNameCollectorPlugin):  # type: ignore[misc]
    """nbgrader's collector, for the newest attempt of each student only.

    Whose a file is, `grader.downloads` says for the common platforms. For another one, set `named_regexp` in
    nbgrader_config.py: it must name student_id and file_id, and timestamp where students may hand in more than once.
    """

    def collect(self, submitted_file: str) -> dict[str, Any] | None:
        """What the path of a file says, None for a file that is passed over."""
        path = Path(submitted_file)
        found = self._named(path)
        time = parse_utc(found.get("timestamp") or None) if found else None
        if found and time is not None and time < self._newest[found["student_id"]]:
            self.log.warning("Skipped an older attempt of %s: %s", found["student_id"], submitted_file)
            return None
        return found

    def _named(self, path: Path) -> dict[str, Any] | None:
        """Student, name and time of a file."""
        if self.named_regexp:
            found: dict[str, Any] | None = super().collect(str(path))
            return found and found | {"student_id": student_id(found["student_id"])}
        handin = self._handins.get(path) if path.suffix in self.valid_ext else None
        if handin is None:
            return None
        found = {"student_id": handin.student, "file_id": handin.name[-1]}
        return found | ({"timestamp": time} if (time := _time(handin.when)) else {})

    @cached_property
    def _root(self) -> Path:
        app = self.parent
        return Path(app._format_collect_path(app.extracted_directory))

    @cached_property
    def _files(self) -> list[Path]:
        return [path for path in sorted(self._root.rglob("*")) if is_regular(path)]

    @cached_property
    def _newest(self) -> dict[str, Any]:
        """Student → the time of their newest attempt, over all extracted files."""
        times: dict[str, Any] = {}
        for found in map(self._named, self._files):
            if found and found.get("timestamp"):
                time, student = parse_utc(found["timestamp"]), found["student_id"]
                times[student] = max(time, times.get(student, time))
        return times

    @cached_property
    def _handins(self) -> dict[Path, Handin]:
        """Whose each extracted file is; each zip of archive/ is a download of its own, and loose files are another."""
        downloads: dict[str, dict[Parts, Path]] = defaultdict(dict)
        for path in self._files:
            top, *inner = path.relative_to(self._root).parts
            downloads[top if inner else ""][tuple(inner) or (top,)] = path
        return {
            files[parts]: handin
            for top, files in downloads.items()
            for parts, handin in self._of_download(top, files).items()
        }

    def _of_download(self, top: str, files: dict[Parts, Path]) -> dict[Parts, Handin]:
        metadata = [path for parts, path in files.items() if parts[-1] == METADATA]
        names = gradescope_names(read_file(metadata[0]).decode("utf-8", "replace")) if len(metadata) == 1 else {}
        found = whose(files, top, self.parent.coursedir.assignment_id, names)
        students: dict[str, list[Parts]] = defaultdict(list)
        for parts, handin in found.items():
            if handin.counts and handin.student != NOBODY:
                students[handin.student].append(parts)
        kept: dict[Parts, Handin] = {}
        for student, paths in students.items():
            try:
                folder = work_folder([found[parts].name for parts in paths], f"The submission of {student}")
            except SubmissionError as error:
                self.log.error("Left out: %s", error)
                continue
            kept |= {parts: found[parts] for parts in paths if found[parts].name[:-1] == folder}
            if (attempts := found[paths[0]].attempts) > 1:
                self.log.warning("%s handed in %d times: the last one counts", student, attempts)
        return kept


def _time(when: str) -> str:
    """A platform's time, if nbgrader can read it."""
    try:
        return when if when and parse_utc(when) else ""
    except (ValueError, OverflowError, TypeError):
        return ""
