"""Solution regions: what a student writes, and the stub that stands in its place.

A region is what lies between a line `### BEGIN SOLUTION` and a line `### END SOLUTION`; in a Markdown cell both lines
are commented like all others. Its stub is nbgrader's own text, and line for line what nbgrader's ClearSolutions makes
of the same cell. Nbgrader looks for the words anywhere in a line, so a line that holds them and is no marker is an
error.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path

from grader.percent import PercentCell, cells
from grader.problems import Problems

CODE_STUB = ("# YOUR CODE HERE", "raise NotImplementedError()")
TEXT_STUB = ("YOUR ANSWER HERE",)

_CODE_MARKER = re.compile(r"^(?P<prefix>\s*)### (?P<word>BEGIN|END) SOLUTION\s*$")
_TEXT_MARKER = re.compile(r"^(?P<prefix># \s*)### (?P<word>BEGIN|END) SOLUTION\s*$")
_MEANT_AS_MARKER = re.compile(r"(BEGIN|END) SOLUTION|##\s*(?i:begin|end)[\s_-]*(?i:solution)")

_DEFINITION = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """The lines (from 1) of both markers, and what stands before `###` in the first one."""

    begin: int
    end: int
    prefix: str
    markdown: bool

    @property
    def stub(self) -> list[str]:
        return [self.prefix + line for line in (TEXT_STUB if self.markdown else CODE_STUB)]


def read(path: Path, problems: Problems) -> str:
    """The text of a file with `\\n` at the end of lines; empty, and a problem, if it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        problems.add("not UTF-8; save the file as UTF-8", path=path, line=line)
    except OSError as error:
        problems.add(f"cannot be read ({error.strerror})", path=path, line=1)
    return ""


def parse(text: str, *, path: Path | str, problems: Problems) -> ast.Module | None:
    """The syntax tree, or None and a problem."""
    try:
        return ast.parse(text)
    except SyntaxError as error:
        problems.add(f"not valid Python: {error.msg}", path=path, line=error.lineno or 1)
    return None


def regions(text: str, *, path: Path | str, problems: Problems) -> tuple[Region, ...]:
    """The solution regions of a percent-format text, in order."""
    lines = text.split("\n")
    return tuple(
        region
        for cell in cells(text, path=path, problems=problems)
        for region in _regions_of_cell(lines, cell, path=path, problems=problems)
    )


def stub(text: str, *, path: Path | str) -> str:
    """The text with a stub for each region; what a student gets.

    Raises: SourceError for malformed regions, and where the stub is no valid Python any more.
    """
    with Problems() as problems:
        found = {region.begin: region for region in regions(text, path=path, problems=problems)}
    kept: list[tuple[int, str]] = []  # (line of the source, text)
    end = 0
    for number, line in enumerate(text.split("\n"), start=1):
        if number in found:
            end = found[number].end
            kept += [(number, stub_line) for stub_line in found[number].stub]
        elif number > end:
            kept.append((number, line))
    made = "\n".join(line for _, line in kept)
    with Problems() as problems:
        try:
            ast.parse(made)
        except SyntaxError as error:
            number, _ = kept[min(error.lineno or 1, len(kept)) - 1]
            problems.add(f"without its solutions the file is no valid Python: {error.msg}", path=path, line=number)
    return made


def solution_lines(text: str, *, path: Path | str) -> tuple[str, ...]:
    """The lines inside the regions, stripped, without blank ones; in Markdown cells without the comment sign.

    Raises: SourceError for malformed regions.
    """
    with Problems() as problems:
        found = regions(text, path=path, problems=problems)
    lines = text.split("\n")
    inside = ((region, lines[number - 1]) for region in found for number in range(region.begin + 1, region.end))
    stripped = ((line.removeprefix("#") if region.markdown else line).strip() for region, line in inside)
    return tuple(line for line in stripped if line)


def solution_names(text: str, *, path: Path | str, problems: Problems) -> dict[str, int] | None:
    """What a student is asked to define: name → line, in order. None, and problems, if that cannot be told.

    Each of them is a function or class on the top level of the module, alone in its cell, and holds a region.
    """
    own = Problems()
    layout, found = cells(text, path=path, problems=own), regions(text, path=path, problems=own)
    tree = parse(text, path=path, problems=own)
    if tree is None or own:
        problems.update(own)
        return None
    _find_duplicates(tree, path, own)
    names = {}
    for region in found:
        owner = _owner(tree, region)
        if owner is None:
            own.add(
                "a solution region lies inside one function or class of the top level", path=path, line=region.begin
            )
            continue
        cell = next(cell for cell in layout if region.begin in cell)
        others = [_start(node) for node in tree.body if node is not owner and _start(node) in cell]
        if _start(owner) not in cell:
            own.add(f"the solution of {owner.name} is not in the cell that begins it", path=path, line=region.begin)
        elif others:
            own.add(
                f"{owner.name} needs a cell of its own (`# %%`); move this to another one", path=path, line=others[0]
            )
        names[owner.name] = owner.lineno
    problems.update(own)
    return None if own else names


def is_marker(line: str) -> bool:
    """Whether a line of a cell, code or Markdown, begins or ends a region."""
    return bool(_CODE_MARKER.match(line) or _TEXT_MARKER.match(line))


def _regions_of_cell(lines: list[str], cell: PercentCell, *, path: Path | str, problems: Problems) -> list[Region]:
    marker, found = _TEXT_MARKER if cell.markdown else _CODE_MARKER, []
    begun: tuple[int, str] | None = None
    for number in range(cell.line + 1, cell.last + 1):
        line = lines[number - 1]
        if not _MEANT_AS_MARKER.search(line):
            continue
        match = marker.match(line)
        if match is None:
            message = f"a marker is `### BEGIN SOLUTION` or `### END SOLUTION` and nothing else; found {line.strip()!r}"
            problems.add(message, path=path, line=number)
        elif match["word"] == "BEGIN":
            if begun:
                problems.add(f"BEGIN SOLUTION inside the region that line {begun[0]} begins", path=path, line=number)
            begun = begun or (number, match["prefix"])
        elif begun is None:
            problems.add("END SOLUTION without a BEGIN SOLUTION in its cell", path=path, line=number)
        else:
            if not any(line.strip(" #") for line in lines[begun[0] : number - 1]):
                problems.add("an empty solution region", path=path, line=begun[0])
            found.append(Region(begin=begun[0], end=number, prefix=begun[1], markdown=cell.markdown))
            begun = None
    if begun:
        problems.add("BEGIN SOLUTION without an END SOLUTION in its cell", path=path, line=begun[0])
    return found


def _start(node: ast.stmt) -> int:
    """The line on which a statement begins, decorators included."""
    decorators = node.decorator_list if isinstance(node, _DEFINITION) else []
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def _owner(tree: ast.Module, region: Region) -> ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | None:
    """The definition whose body holds the region, markers included (a comment at its end is no part of the node)."""
    before = [node for node in tree.body if _start(node) <= region.begin]
    inside = [node for node in tree.body if region.begin < _start(node) <= region.end]
    if not before or inside or region.markdown or not region.prefix:
        return None
    return before[-1] if isinstance(before[-1], _DEFINITION) else None


def _find_duplicates(tree: ast.Module, path: Path | str, problems: Problems) -> None:
    lines: dict[str, int] = {}
    for node in tree.body:
        if isinstance(node, _DEFINITION):
            if node.name in lines:
                problems.add(f"{node.name} is already defined on line {lines[node.name]}", path=path, line=node.lineno)
            lines.setdefault(node.name, node.lineno)
