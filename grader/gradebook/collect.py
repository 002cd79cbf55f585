"""`nbgrader zip_collect` of what a learning platform (an LMS) gives as one download.

nbgrader's own collector keeps the newest of two files with one name, which mixes attempts: the .py of the first and
the notebook of the second end in one folder. Ours takes the newest attempt of each student, whole.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nbgrader.plugins import FileNameCollectorPlugin
from nbgrader.utils import parse_utc
from traitlets import default


class NewestAttempt(FileNameCollectorPlugin):  # type: ignore[misc]
    """nbgrader's collector by file name, for the newest attempt of each student only.

    `named_regexp` must name student_id and file_id, and timestamp where students may hand in more than once; the
    default reads <assignment>_<student>_attempt_<time>_<file>, and another one is set in nbgrader_config.py.
    """

    @default("named_regexp")  # type: ignore[untyped-decorator]
    def _default_regexp(self) -> str:
        return r"(?:.*[/\\])?[^/\\_]+_(?P<student_id>[^/\\]+?)_attempt_(?P<timestamp>[0-9\-]+)_(?P<file_id>[^/\\]+)$"

    def collect(self, submitted_file: str) -> dict[str, Any] | None:
        """What the name of a file says, None for a file that is passed over."""
        found: dict[str, Any] | None = super().collect(submitted_file)
        if found is None or not found.get("timestamp"):
            return found
        newest = self._newest(Path(submitted_file)).get(found["student_id"])
        if newest is not None and parse_utc(found["timestamp"]) < newest:
            self.log.warning("Skipped an older attempt of %s: %s", found["student_id"], submitted_file)
            return None
        return found

    def _newest(self, beside: Path) -> dict[str, Any]:
        """Student → the time of their newest attempt, over all extracted files."""
        if not hasattr(self, "_times"):
            self._times: dict[str, Any] = {}
            app = self.parent
            root = Path(app._format_collect_path(app.extracted_directory)) if app is not None else beside.parent
            for path in sorted(root.rglob("*")):
                found = super().collect(str(path)) if path.is_file() else None
                if found and found.get("timestamp"):
                    time = parse_utc(found["timestamp"])
                    student = found["student_id"]
                    self._times[student] = max(time, self._times.get(student, time))
        return self._times
