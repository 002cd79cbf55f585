"""`nbgrader collect` from an exchange folder, to which every student may write whatever they like.

nbgrader's own copies what links lead to, with the instructor's rights: a link to the reference solution would earn
full marks. It stops at the first folder whose name holds no time or whose files are too large, for the whole class.
And it lets anybody hand in for anybody, with a warning. Ours copies regular files only, passes over what it cannot
read, and takes no folder that another user made where the student made one too.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nbgrader.exchange.default import ExchangeCollect

from grader.errors import SubmissionError
from grader.files import Folder
from grader.gradebook.folder import read_timestamp, usable_id
from grader.text import plain

FOLDER_BYTES = 200_000_000
NOBODY = {"username": "", "filename": "", "timestamp": datetime.datetime.min}


class SafeCollect(ExchangeCollect):  # type: ignore[misc]
    """nbgrader's collector from the exchange, without trust in what lies there."""

    src_records: list[dict[str, Any]]

    def _path_to_record(self, path: str) -> dict[str, Any]:
        try:
            record: dict[str, Any] = super()._path_to_record(path)
        except (ValueError, OverflowError, TypeError):  # the name holds no time
            record = NOBODY
        if not usable_id(record["username"]):
            self.log.error("Left out, because its name is not one that `nbgrader submit` gives: %s", plain(path, 300))
            return NOBODY
        return record

    def _sort_by_timestamp(self, records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """The newest first, of those that the student made, if there are any."""
        own = [record for record in records if self.check_owner and self._owner(record) == record["username"]]
        for record in records if own else ():
            if record not in own:
                self.log.error("Left out, because somebody else made it: %s", record["filename"])
        return list(super()._sort_by_timestamp(own or records))

    def _owner(self, record: dict[str, Any]) -> str:
        try:
            return Path(self.inbound_path, record["filename"]).owner()
        except (OSError, KeyError, NotImplementedError):  # gone, an unknown user, Windows
            return ""

    def init_src(self) -> None:
        super().init_src()
        self.src_records = [record for record in self.src_records if record is not NOBODY]

    def do_copy(self, src: str, dest: str, log: Any = None) -> None:
        """Copy the regular files of a submitted folder, which are all that is graded."""
        Path(dest).mkdir(parents=True)
        files, room = Folder(Path(src)), FOLDER_BYTES
        try:
            for name in files.names():
                data = files.read(name, room)
                room -= len(data)
                Path(dest, name).write_bytes(data)
        except SubmissionError as error:
            self.log.error("Not collected in full: %s: %s", plain(src, 300), error)
        _, complaint = read_timestamp(Path(dest))  # nbgrader would stop at one that it cannot read
        if complaint:
            self.log.warning("%s", complaint)
