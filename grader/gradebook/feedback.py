"""What a student and a grader read in the notebook: the outcome of each public check, hidden checks as a count.

Everything in a message may come from the submission (the text of an exception, a repr), so all of it is escaped, and
stands in <pre>, where MathJax leaves it alone too.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from html import escape
from typing import Any

from nbformat import NotebookNode, from_dict
from nbformat.v4 import new_markdown_cell

from grader.gradebook.outputs import text_of
from grader.model import CheckResult, Report, Status, Task

MESSAGE_CHARACTERS = 4_000
MARKS = {
    Status.PASSED: ("✓", "passed", "#1b6e2e"),
    Status.FAILED: ("✗", "failed", "#a1260d"),
    Status.NOT_STARTED: ("–", "not started", "#666666"),
    Status.TIMEOUT: ("✗", "stopped: too slow", "#a1260d"),
    Status.CRASHED: ("✗", "ended its own process", "#a1260d"),
    Status.SKIPPED: ("?", "not measured", "#8a6100"),
    Status.ERROR: ("?", "could not be run; not your fault", "#8a6100"),
}
HINT = "A known mistake looks just like this:"
OPEN = "These points are still open: they were not measured, and a person will look at them."


def check_outputs(report: Report, task: Task) -> list[NotebookNode]:
    """The outputs of a task's check cell: what to read, then the score as nbgrader writes it (absent while open)."""
    score = report.score_of(task)
    shown = told_once([result for result in report.of(task) if not result.check.hidden])
    hidden = [result for result in report.of(task) if result.check.hidden]
    head = f"{task.name}: {points(score)} of {points(task.points)} points"
    hints = list(dict.fromkeys(result.hint for result in report.of(task) if result.hint))
    data = {
        "text/plain": _plain(head, shown, hidden, hints, score),
        "text/html": _html(head, shown, hidden, hints, score),
    }
    outputs: list[dict[str, Any]] = [{"output_type": "display_data", "metadata": {}, "data": data}]
    if score is not None:
        number = {"text/plain": repr(float(score))}
        outputs.append({"output_type": "execute_result", "metadata": {}, "data": number, "execution_count": None})
    return [from_dict(output) for output in outputs]  # validated with the notebook, when it is written


def summary_cell(report: Report, *, notes: Sequence[str] = ()) -> NotebookNode:
    """The first cell of the graded notebook: what was graded, how it was read, and where."""
    lines = [f"### {literal(report.assignment)}: {points(report.score)} of {points(report.max_score)} automatic points"]
    if report.open_tasks:
        lines.append(f"Still open: {', '.join(literal(task.name) for task in report.open_tasks)}. {OPEN}")
    lines += [f"- {literal(note)}" for note in (*report.notes, *notes)]
    if report.environment:
        lines.append("- " + ", ".join(f"{literal(key)}: {literal(value)}" for key, value in report.environment.items()))
    cell = new_markdown_cell("\n\n".join([lines[0], "\n".join(lines[1:])]).strip())
    cell["id"] = "grader-summary"
    return cell


def told_once(results: Sequence[CheckResult]) -> list[CheckResult]:
    """The same results, each message only where it is new: a file that cannot be read fails every check alike."""
    told: set[str] = set()
    kept = []
    for result in results:
        kept.append(replace(result, message="") if result.message in told else result)
        told.add(result.message)
    return kept


def title(result: CheckResult) -> str:
    """The property that a check is named after: "TestSoftmax::test_rows_sum_to_one" → "rows sum to one"."""
    name = result.check.name.rpartition("::")[2]
    return name.removeprefix("test_").replace("_", " ")


def points(score: float | None) -> str:
    return "?" if score is None else f"{round(score, 2):g}"


def literal(text: str) -> str:
    """Text that Markdown shows as it stands: punctuation as entities, one line."""
    return re.sub(r"[^A-Za-z0-9 ]", lambda match: f"&#{ord(match[0])};", " ".join(_printable(text).split()))


def _printable(text: str) -> str:
    text = re.sub(r"\x1b\[[0-?]*[ -/]*[@-~]", "", text_of(text, MESSAGE_CHARACTERS))  # a terminal's colours
    return "".join(character for character in text if character in "\n\t" or character.isprintable())


def _hidden_line(hidden: list[CheckResult]) -> str:
    """How many hidden checks passed, and how the others ended; never which."""
    counts = Counter(result.status for result in hidden)
    ends = [f"{count} {MARKS[status][1]}" for status, count in sorted(counts.items()) if status is not Status.PASSED]
    passed = f"{counts[Status.PASSED]} of {len(hidden)} hidden checks passed"
    return f"{passed} ({', '.join(ends)})" if ends else passed


def _plain(
    head: str, shown: list[CheckResult], hidden: list[CheckResult], hints: list[str], score: float | None
) -> str:
    lines = [head] if score is not None else [head, OPEN]
    for result in shown:
        mark, word, _ = MARKS[result.status]
        lines.append(f"  {mark} {title(result)}" + ("" if result.status is Status.PASSED else f" ({word})"))
        if result.message:
            lines += [f"      {line}" for line in _printable(result.message).splitlines()]
    if hidden:
        lines.append(f"  {_hidden_line(hidden)}")
    lines += [f"  {HINT} {_printable(hint)}" for hint in hints]
    return "\n".join(lines)


def _html(head: str, shown: list[CheckResult], hidden: list[CheckResult], hints: list[str], score: float | None) -> str:
    rows = [_row(result) for result in shown]
    if hidden:
        rows.append(f'<tr><td></td><td style="text-align:left;color:#444">{escape(_hidden_line(hidden))}</td></tr>')
    rows += [
        f'<tr><td></td><td style="text-align:left"><b>{HINT}</b> {escape(_printable(hint))}</td></tr>' for hint in hints
    ]
    note = f"<p>{escape(OPEN)}</p>" if score is None else ""
    return (
        f'<div><p style="margin:4px 0"><b>{escape(head)}</b></p>{note}'
        f'<table style="margin:0;border:0;width:100%">{"".join(rows)}</table></div>'
    )


def _row(result: CheckResult) -> str:
    mark, word, colour = MARKS[result.status]
    said = "" if result.status is Status.PASSED else f' <span style="color:{colour}">({escape(word)})</span>'
    message = ""
    if result.message:
        message = (
            '<pre style="margin:4px 0 8px;padding:6px;background:#f6f6f6;border:0;white-space:pre-wrap;'
            f'text-align:left">{escape(_printable(result.message))}</pre>'
        )
    return (
        f'<tr><td style="width:2em;vertical-align:top;color:{colour}"><b>{mark}</b></td>'
        f'<td style="text-align:left">{escape(title(result))}{said}{message}</td></tr>'
    )
