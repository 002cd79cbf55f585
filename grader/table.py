"""The table that closes a student's run: tasks, points, and what to do next."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import TYPE_CHECKING

from grader.model import CheckResult, Report, Status, Task

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

WIDTH = 60  # at least, however narrow the terminal
PLAINER = str.maketrans({"→": "->", "…": "...", "−": "-", "–": "-", "×": "x", "·": "*"})
UNFINISHED = re.compile(r"not started: (\w+)(?:\.__init__)? still raises")  # a class begins with its __init__
BEGUN = re.compile(r"not started: \w+\.(?!__init__)\w+ still raises")  # a method of a class that is begun


def write_tables(terminal: TerminalReporter, reports: Collection[Report], *, selected: bool = False) -> None:
    """Write a table for each module to pytest's terminal.

    Args:
        selected: whether perhaps not all checks were run.
    """
    terminal.write_sep("=", "your work", bold=True)
    for report in reports:
        if len(reports) > 1:
            terminal.write_line(printable(terminal, report.assignment), bold=True)
        _write_table(terminal, report)
        for note in report.notes:
            terminal.write_line(printable(terminal, note))
    if selected:
        terminal.write_line("Points are of the checks that were run; others may be missing here.")
    if not any(result.check.hidden for report in reports for result in report.results):
        terminal.write_line(
            "These are the public checks. When your work is graded, hidden checks share the same points."
        )


def _write_table(terminal: TerminalReporter, report: Report) -> None:
    name_width = max([len("total"), *(len(task.name) for task in report.tasks)])
    width = max(terminal._tw.fullwidth, WIDTH)
    terminal.write_line(f"{'task':<{name_width}}  {'points':>11}  {'checks':<8}  next", bold=True)
    for task in report.tasks:
        results = report.of(task)
        passed = sum(result.status is Status.PASSED for result in results)
        points = _points(report.score_of(task), task.points)
        head = f"{task.name:<{name_width}}  {points}  {f'{passed} of {len(results)}':<8}"
        begun = any(result.status is not Status.NOT_STARTED for result in results)
        full = passed == len(results)
        terminal.write(head, green=full, yellow=not full and passed > 0, red=not passed and begun)
        todo, room = next_step(task, results), max(width - len(head) - 3, 20)
        todo = todo if len(todo) <= room else todo[: room - 1].rstrip() + "…"
        terminal.write_line(printable(terminal, f"  {todo}".rstrip()))
    terminal.write_line(f"{'total':<{name_width}}  {_points(report.score, report.max_score).rstrip()}", bold=True)


def next_step(task: Task, results: tuple[CheckResult, ...]) -> str:
    """What to do about a task, in one line; empty when all is well."""
    troubled = [result for result in results if result.status is not Status.PASSED]
    if not troubled:
        return next((result.message.split("\n")[0] for result in results if result.share < 1), "")
    first = min(troubled, key=lambda result: result.status is Status.NOT_STARTED)
    text = first.message.strip().split("\n")[0]
    if first.status is Status.NOT_STARTED:
        return _to_write(task, troubled, untouched=len(troubled) == len(results)) or text
    return f"not measured: {text}" if first.status is Status.SKIPPED else text


def printable(terminal: TerminalReporter, text: str) -> str:
    """`text` in the characters that the terminal, or the file that takes its place, can show."""
    encoding = getattr(terminal._tw._file, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(PLAINER).encode(encoding, "replace").decode(encoding)
    return text


def _to_write(task: Task, results: list[CheckResult], *, untouched: bool) -> str:
    """The task's functions that are still stubs; empty if it is something else, such as a helper or a method."""
    if BEGUN.match(results[0].message):
        return ""
    found = {match[1] for result in results if (match := UNFINISHED.match(result.message))}
    if found and not found & set(task.covers):
        return ""
    names = [name for name in task.covers if name in found]
    if not names or (untouched and names[0] == task.covers[0]):  # the first one hides the others
        names = list(task.covers)
    return f"not started: write {' and '.join(names)}" if names else "not started"


def _points(score: float | None, out_of: float) -> str:
    return f"{'?' if score is None else f'{score:.4g}':>5} / {out_of:<3g}"
