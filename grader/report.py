"""What the command line prints: reports and findings as tables."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from grader.model import CheckResult, Report, Status
from grader.table import next_step
from grader.text import plain
from grader.validate import Finding

STYLES = {Status.PASSED: "green", Status.NOT_STARTED: "dim", Status.SKIPPED: "yellow", Status.ERROR: "yellow"}


def show_report(console: Console, report: Report, *, hidden: bool = True) -> None:
    """One submission: tasks with points, then every check that did not pass, with what the student reads.

    Args:
        hidden: False leaves out what hidden checks said, for eyes that must not see them.
    """
    title = " ".join(part for part in (report.student, report.assignment) if part)
    table = Table(title=escape(title), title_justify="left", box=None, header_style="bold", pad_edge=False)
    table.add_column("task")
    table.add_column("points", justify="right")
    table.add_column("checks", justify="right")
    table.add_column("next", overflow="ellipsis", no_wrap=True)
    for task in report.tasks:
        results = report.of(task)
        passed = sum(result.status is Status.PASSED for result in results)
        score = report.score_of(task)
        shown = "open" if score is None else f"{score:.4g}"
        table.add_row(
            task.name, f"{shown} / {task.points:g}", f"{passed} of {len(results)}", escape(next_step(task, results))
        )
    table.add_row("total", f"{report.score:.4g} / {report.max_score:g}", "", "", style="bold")
    console.print(table)
    for result in report.results:
        if result.status not in (Status.PASSED, Status.NOT_STARTED) and (hidden or not result.check.hidden):
            _show_result(console, result)
    for note in report.notes:
        console.print(f"note: {escape(plain(note, 400))}")
    console.print("  ".join(f"{key}: {value}" for key, value in report.environment.items()), style="dim", markup=False)


def _show_result(console: Console, result: CheckResult) -> None:
    kind = "hidden check" if result.check.hidden else "check"
    style = STYLES.get(result.status, "red")
    console.print(
        f"\n[{style}]{result.status}[/] {kind} {escape(result.check.name)} [dim](task {result.check.task})[/]"
    )
    for text in (result.message, f"Known mistake: {result.hint}" if result.hint else ""):
        for line in text.split("\n") if text else ():
            console.print(f"  {line}", markup=False, highlight=False)


def show_class(console: Console, reports: Sequence[Report]) -> None:
    """A class: one line a submission."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("student")
    table.add_column("score", justify="right")
    table.add_column("what cost points", overflow="ellipsis", no_wrap=True)
    for report in reports:
        lost = [task for task in report.tasks if report.score_of(task) != task.points]
        why = ", ".join(f"{task.name} {_points(report.score_of(task))}/{task.points:g}" for task in lost)
        table.add_row(escape(report.student), f"{report.score:.4g} / {report.max_score:g}", escape(why))
    console.print(table)


def as_csv(reports: Iterable[Report]) -> str:
    """One row a submission: student, score, maximum, then the points of each task; open points stay empty."""
    reports = list(reports)
    names = list(dict.fromkeys(task.name for report in reports for task in report.tasks))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["student", "assignment", "score", "max_score", *names])
    for report in reports:
        scores = {task.name: report.score_of(task) for task in report.tasks}
        row = ["" if scores.get(name) is None else f"{scores[name]:.6g}" for name in names]
        writer.writerow([report.student, report.assignment, f"{report.score:.6g}", f"{report.max_score:g}", *row])
    return out.getvalue()


def show_finding(console: Console, finding: Finding) -> None:
    """One line of `grader validate`, as it is found."""
    mark = "[green]ok  [/]" if finding.ok else "[red]FAIL[/]"
    console.print(f"{mark} {escape(finding.what):<46} {escape(finding.detail)}", highlight=False, soft_wrap=True)


def _points(score: float | None) -> str:
    return "open" if score is None else f"{score:.4g}"
