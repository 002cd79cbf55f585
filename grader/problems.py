"""Everything that is wrong with a set of files, told at once."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from grader.errors import SourceError


class Problems:
    """Collects problems; as a context manager it raises them all, as one SourceError, when its block ends.

    Other exceptions pass through unchanged.
    """

    def __init__(self) -> None:
        self._found: dict[tuple[str, int, str], None] = {}

    def add(self, message: str, *, path: Path | str, line: int) -> None:
        self._found[str(path), line, message] = None

    def update(self, other: Problems) -> None:
        self._found |= other._found

    def __bool__(self) -> bool:
        return bool(self._found)

    def __enter__(self) -> Problems:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if kind is None and self._found:
            (path, line, message), *others = self._found
            raise SourceError(
                "\n".join([message, *(f"{p}:{n}: {text}" for p, n, text in others)]), path=path, line=line
            )
