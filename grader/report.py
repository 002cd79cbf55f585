"""What the command line prints: reports, findings and facts as tables.

Whatever came from a submission goes through `Text` and `plain`: no markup, no emoji, nothing that steers a terminal.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from grader.doctor import Diagnosis
from grader.grade import UNSANDBOXED
from grader.machine import Fact
from grader.model import CheckResult, Report, Status
from grader.sandbox.level import Layer
from grader.table import next_step
from grader.text import plain
from grader.validate import Finding

if TYPE_CHECKING:
    from grader.sandbox.probe import Attempt  # which takes Linux

STYLES = {Status.PASSED: "green", Status.NOT_STARTED: "dim", Status.SKIPPED: "yellow", Status.ERROR: "yellow"}
WIDTH = 120  # where no terminal says how wide it is
LINE, MESSAGE = 400, 4_000  # characters that are shown of a line, of a whole message
NAME = 30
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # with which a spreadsheet lets one begin
STAMP = (
    f"{UNSANDBOXED}: the submitted code could have read tests and solutions, or changed its own score. Read it before "
    "you trust these points."
)
MARKS = {True: ("ok  ", "green"), None: ("note", "yellow"), False: ("FAIL", "red")}
STOPPED = {
    "PermissionError": "not permitted",
    "FileNotFoundError": "not there",
    "ProcessLookupError": "not there",
    "ConnectionRefusedError": "no connection",
}


def make_console() -> Console:
    """Standard output: as wide as the terminal, or wide enough to read in a log."""
    console = Console(emoji=False, highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = WIDTH
    return console


def make_table(*columns: str, last: str, numbers: Iterable[str] = ()) -> Table:
    """A table of one line a row: `columns` as wide as they need, and `last` in the room that is left."""
    table = Table(box=None, header_style="bold", pad_edge=False, expand=True)
    for column in columns:
        table.add_column(column, justify="right" if column in numbers else "left", overflow="ellipsis", no_wrap=True)
    table.add_column(last, overflow="ellipsis", no_wrap=True, ratio=1)
    return table


def show_report(console: Console, report: Report, *, hidden: bool = True) -> None:
    """One submission: tasks with points, then every check that did not pass, with what the student reads.

    Args:
        hidden: False leaves out what hidden checks said, for eyes that must not see them.
    """
    console.print(_text(f"{report.student} {report.assignment}".strip(), style="italic"))
    if reason := _one_reason(report):
        console.print(f"{report.score:.4g} / {report.max_score:g}", style="bold")
        console.print(Text(plain(reason, MESSAGE, lines=True)), soft_wrap=True)
    else:
        _show_tasks(console, report)
        told: set[str] = set()
        for result in report.results:
            untold = not result.message if result.status is Status.PASSED else result.status is Status.NOT_STARTED
            if not untold and (hidden or not result.check.hidden):
                _show_result(console, result, told)
        console.print()
    for note in report.notes:
        if note != reason:
            console.print(_text(f"note: {note}"), soft_wrap=True)
    environment = "  ".join(f"{key}: {value}" for key, value in report.environment.items())
    console.print(_text(environment, style="dim"), soft_wrap=True)
    _show_stamp(console, _is_bare(report))


def _show_stamp(console: Console, bare: bool) -> None:
    if bare:
        console.print(Text(STAMP, style="bold red"), soft_wrap=True)


def _show_tasks(console: Console, report: Report) -> None:
    table = make_table("task", "points", "checks", last="next", numbers=("points", "checks"))
    for task in report.tasks:
        results = report.of(task)
        passed = sum(result.status is Status.PASSED for result in results)
        score = f"{_points(report.score_of(task))} / {task.points:g}"
        table.add_row(task.name, score, f"{passed} of {len(results)}", _text(next_step(task, results)))
    table.add_row("total", f"{report.score:.4g} / {report.max_score:g}", "", "", style="bold")
    console.print(table)


def _show_result(console: Console, result: CheckResult, told: set[str]) -> None:
    """One check, and what the student reads; nothing that an earlier check of the same submission has `told`."""
    kind = "hidden check" if result.check.hidden else "check"
    status = (result.status.replace("_", " "), STYLES.get(result.status, "red"))
    console.print()
    console.print(Text.assemble(status, f" {kind} {result.check.name} ", (f"(task {result.check.task})", "dim")))
    for text in (result.message, f"Known mistake: {result.hint}" if result.hint else ""):
        lines = plain(text, MESSAGE, lines=True).split("\n") if text else []
        for line in ["as above"] if text and text in told else lines:
            console.print(Text(f"  {line}"), soft_wrap=True)
        told.add(text)


def show_class(console: Console, reports: Iterable[Report]) -> None:
    """A class: one line a submission; no report is kept."""
    table = make_table("student", "score", last="what cost points", numbers=("score",))
    bare = False
    for report in reports:
        lost = [task for task in report.tasks if report.score_of(task) != task.points]
        why = ", ".join(f"{task.name} {_points(report.score_of(task))}/{task.points:g}" for task in lost)
        score = f"{report.score:.4g} / {report.max_score:g}"
        table.add_row(_text(report.student, limit=NAME), score, _text(_one_reason(report) or why))
        bare = bare or _is_bare(report)
    console.print(table)
    _show_stamp(console, bare)


def _one_reason(report: Report) -> str:
    """What all checks say alike, as of a submission that cannot be read; empty if they differ."""
    messages = {result.message for result in report.results}
    return messages.pop() if len(messages) == 1 else ""


def as_csv(reports: Iterable[Report]) -> str:
    """One row a submission: student, score, maximum, the points of each task, isolation; open points stay empty."""
    names: dict[str, None] = {}
    rows = []
    for report in reports:
        scores = {task.name: report.score_of(task) for task in report.tasks}
        names |= dict.fromkeys(scores)
        whole = [_inert(report.student), report.assignment, f"{report.score:.6g}", f"{report.max_score:g}"]
        rows.append((whole, scores, _isolation(report)))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["student", "assignment", "score", "max_score", *names, "isolation"])
    for whole, scores, isolation in rows:
        points = [scores.get(name) for name in names]
        writer.writerow([*whole, *("" if earned is None else f"{earned:.6g}" for earned in points), isolation])
    return out.getvalue()


def _inert(name: str) -> str:
    """A name that no spreadsheet takes for a formula."""
    return f"'{name}" if name.startswith(FORMULA) else name


def show_finding(console: Console, finding: Finding) -> None:
    """One line of `grader validate`, as it is found; further lines are indented."""
    mark = ("ok  ", "green") if finding.ok else ("FAIL", "red")
    first, *more = plain(finding.detail, MESSAGE, lines=True).split("\n")
    console.print(Text.assemble(mark, f" {finding.what:<46} {first}"), soft_wrap=True)
    for line in more:
        console.print(Text(f"       {line.strip()}"), soft_wrap=True)


def show_doctor(console: Console, diagnosis: Diagnosis) -> None:
    """What `grader doctor` found: facts by chapter, then what stopped each attack on the sandbox."""
    width = max(len(fact.name) for facts in diagnosis.chapters.values() for fact in facts)
    for chapter, facts in diagnosis.chapters.items():
        console.rule(chapter, align="left")
        table = Table.grid(padding=(0, 2))
        table.add_column(no_wrap=True)
        table.add_column(no_wrap=True, min_width=width)
        table.add_column(overflow="fold")
        for fact in facts:
            table.add_row(Text(*MARKS[fact.good]), _text(fact.name), _value(fact))
        console.print(table)
    if diagnosis.attempts:
        console.rule("attempts of a hostile submission, by what stood against them", align="left")
        _show_attempts(console, diagnosis.attempts)


def _value(fact: Fact) -> Text:
    advice = f"\n→ {plain(fact.advice, MESSAGE)}" if fact.advice else ""
    return Text.assemble(plain(fact.value, MESSAGE), (advice, "bold" if fact.good is False else "dim"))


def _show_attempts(console: Console, attempts: Sequence[Attempt]) -> None:
    """A row for each attempt, a column for each set of layers; all together last."""
    sets = list(dict.fromkeys(attempt.layers for attempt in attempts))
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("attempt", no_wrap=True)
    for layers in sets:
        table.add_column("all" if len(sets) > 1 and layers == sets[-1] else _layers(layers))
    outcomes = {(attempt.name, attempt.layers): attempt for attempt in attempts}
    harmless = {attempt.name for attempt in attempts if bool(attempt.stopped) != attempt.good}
    for name in sorted(dict.fromkeys(attempt.name for attempt in attempts), key=lambda name: name in harmless):
        table.add_row(name, *(_outcome(outcomes.get((name, layers))) for layers in sets))
    console.print(table)


def _layers(layers: Iterable[Layer]) -> str:
    return " + ".join(layer for layer in Layer if layer in set(layers))


def _outcome(attempt: Attempt | None) -> Text:
    """In one or two words; nothing where the layers promise nothing."""
    if attempt is None:
        return Text()
    kind = plain(attempt.stopped.partition(":")[0], NAME)
    said = STOPPED.get(kind, kind) or ("works" if attempt.good else "it got through")
    return Text(said, style="" if attempt.good else "bold red")


def _is_bare(report: Report) -> bool:
    return _isolation(report).startswith(UNSANDBOXED)


def _isolation(report: Report) -> str:
    return plain(report.environment.get("isolation", ""))


def _points(score: float | None) -> str:
    return "open" if score is None else f"{score:.4g}"


def _text(text: str, limit: int = LINE, style: str = "") -> Text:
    return Text(plain(text, limit), style=style)
