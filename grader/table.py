"""The table that closes a student's run: tasks, points, and what to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grader.model import CheckResult, Report, Status, Task

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

    from grader.run import Run

OPEN = {
    Status.TIMEOUT: "too slow",
    Status.CRASHED: "crashed",
    Status.SKIPPED: "not measured",
    Status.ERROR: "the check failed, not you",
}


def write_table(terminal: TerminalReporter, run: Run) -> None:
    """Write it to pytest's terminal."""
    report = Report(student="", assignment="", tasks=tuple(run.points.values()), results=tuple(run.results.values()))
    terminal.section("your work", sep="=", bold=True)
    name_width = max([len("total"), *(len(task.name) for task in report.tasks)]) + 2
    width = max(terminal._tw.fullwidth, 60)
    terminal.write_line(f"{'task':<{name_width}}{'points':>11}   {'checks':<9}next", bold=True)
    for task in report.tasks:
        results = report.of(task)
        passed = sum(result.status is Status.PASSED for result in results)
        score = report.score_of(task)
        points = f"{'?' if score is None else f'{score:g}':>5} /{task.points:>3g}"
        head = f"{task.name:<{name_width}}{points:>11}   {f'{passed} of {len(results)}':<9}"
        full = passed == len(results)
        terminal.write(head, green=full, yellow=not full and passed > 0, red=not passed and _begun(results))
        todo = next_step(task, results)
        room = width - len(head) - 1
        terminal.write_line(todo if len(todo) <= room else todo[: room - 1] + "…")
    terminal.write_line(f"{'total':<{name_width}}{f'{report.score:g} /{report.max_score:>3g}':>11}", bold=True)
    if not any(result.check.hidden for result in report.results):
        terminal.write_line(
            "These are the public checks. When your work is graded, hidden checks share the same points."
        )


def next_step(task: Task, results: tuple[CheckResult, ...]) -> str:
    """What to do about a task, in one line; empty when all is well."""
    troubled = [result for result in results if result.status is not Status.PASSED]
    if not troubled:
        return ""
    if all(result.status is Status.NOT_STARTED for result in results):
        return "not started" + (f": write {' and '.join(task.covers)}" if task.covers else "")
    first = min(troubled, key=lambda result: result.status is Status.NOT_STARTED)
    text = first.message.strip().split("\n")[0]
    label = OPEN.get(first.status)
    return f"{label}: {text}" if label else text


def _begun(results: tuple[CheckResult, ...]) -> bool:
    return any(result.status is not Status.NOT_STARTED for result in results)
