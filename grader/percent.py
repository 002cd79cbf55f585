"""Percent format: where the cells of a .py file begin, what their headers say, and jupytext's notebook of it.

Jupytext reads the cells themselves but forgets their lines, and takes a second to import; loading an assignment needs
only headers and lines. `notebook` holds both readings against each other.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from grader.errors import SourceError
from grader.problems import Problems

if TYPE_CHECKING:
    from nbformat import NotebookNode

_MARKER = re.compile(r"^\s*#\s*%%(?=[\s%]|$)")  # what jupytext may take for the start of a cell
_HEADER = re.compile(r"^# %%(?: (?P<rest>.*))?$")
_OPTION = re.compile(r"""(?<!\S)([A-Za-z_]\w*)=("[^"]*"|'[^']*'|\[[^\]]*\]|[^\s"'\[]+)(?!\S)""")


@dataclass(frozen=True, slots=True, kw_only=True)
class PercentCell:
    """One cell: its header is on `line` (from 1), its text on the lines after it, up to and including `last`."""

    line: int
    last: int
    markdown: bool
    metadata: Mapping[str, object]

    def __contains__(self, line: int) -> bool:
        return self.line <= line <= self.last

    @property
    def tags(self) -> tuple[str, ...]:
        tags = self.metadata.get("tags", ())
        return tuple(map(str, tags)) if isinstance(tags, list | tuple) else (str(tags),)


def cells(text: str, *, path: Path | str, problems: Problems) -> tuple[PercentCell, ...]:
    """The cells of a percent-format text; a header that cannot be read is a problem and begins a code cell."""
    lines = text.split("\n")
    starts = [number for number, line in enumerate(lines, start=1) if _MARKER.match(line)]
    before = lines[: starts[0] - 1] if starts else lines
    for number, line in enumerate(before, start=1):
        if line.strip():
            problems.add("expected a cell header before this line: `# %%` or `# %% [markdown]`", path=path, line=number)
            break
    found = []
    for start, following in itertools.pairwise([*starts, len(lines) + 1]):
        markdown, metadata = _header(lines[start - 1], start, path, problems)
        cell = PercentCell(line=start, last=following - 1, markdown=markdown, metadata=metadata)
        if markdown:
            _check_markdown(lines, cell, path, problems)
        found.append(cell)
    return tuple(found)


def notebook(text: str, *, path: Path | str) -> tuple[tuple[PercentCell, NotebookNode], ...]:
    """Each cell with what jupytext makes of it.

    Raises: SourceError where the two disagree about what a cell is (a `# %%` line inside a string, a magic, ...).
    """
    import jupytext

    with Problems() as problems:
        own = cells(text, path=path, problems=problems)
    theirs = jupytext.reads(text, fmt="py:percent").cells
    for cell, other in zip(own, theirs, strict=False):
        if cell.markdown != (other.cell_type == "markdown"):
            raise SourceError(f"jupytext reads this as a {other.cell_type} cell", path=path, line=cell.line)
    if len(own) != len(theirs):
        raise SourceError(
            f"{len(own)} lines look like cell headers, but jupytext reads {len(theirs)} cells; "
            "is one of the headers inside a string or a fenced block?",
            path=path,
            line=own[0].line if own else 1,
        )
    lines = text.split("\n")
    with Problems() as problems:
        for cell, other in zip(own, theirs, strict=True):
            if not cell.markdown:
                _compare(lines[cell.line : cell.last], other.source.split("\n"), cell, path, problems)
    return tuple(zip(own, theirs, strict=True))


def _compare(ours: list[str], theirs: list[str], cell: PercentCell, path: Path | str, problems: Problems) -> None:
    """A code cell reads as it is written, but for `# %magic` and `# !command` (jupytext also knows `# cat that`)."""
    for number, (line, other) in enumerate(zip(ours, theirs, strict=False), start=cell.line + 1):
        if line != other and not other.startswith(("%", "!")):
            problems.add(f"jupytext reads this line as {other!r}; say it otherwise", path=path, line=number)


def _header(line: str, number: int, path: Path | str, problems: Problems) -> tuple[bool, dict[str, object]]:
    """(is it Markdown, metadata) as `# %% a title [markdown] key=value` says."""
    match = _HEADER.match(line.rstrip())
    if match is None:
        problems.add(
            f"a cell header stands alone, as `# %%`, at the start of its line; found {line.strip()!r}",
            path=path,
            line=number,
        )
        return False, {}
    rest = match["rest"] or ""
    metadata: dict[str, object] = {}
    for key, value in _OPTION.findall(rest):
        try:
            metadata[key] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            problems.add(f'{key}={value}: expected a Python literal such as 5 or "name"', path=path, line=number)
    title = _OPTION.sub("", rest)
    kinds = re.findall(r"\[(.*?)\]", title)
    if "=" in title:
        problems.add(
            f"cannot read {title.strip()!r} in the header; write key=value, without spaces", path=path, line=number
        )
    elif kinds not in ([], ["markdown"]):
        problems.add(f"a cell is `# %%` or `# %% [markdown]`; found {line.strip()!r}", path=path, line=number)
    return kinds == ["markdown"], metadata


def _check_markdown(lines: list[str], cell: PercentCell, path: Path | str, problems: Problems) -> None:
    for number in range(cell.line + 1, cell.last + 1):
        text = lines[number - 1]
        if text.strip() and text.rstrip() != "#" and not text.startswith("# "):
            problems.add(f"a line of a Markdown cell starts with `# `; found {text.strip()!r}", path=path, line=number)
            break
