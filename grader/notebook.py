"""`check("softmax")` in a notebook: the public checks of a task, run on what the notebook has defined."""

from __future__ import annotations

import html
import os
import sys
from pathlib import Path
from typing import Any

from grader.errors import CourseError
from grader.model import Report, Status
from grader.table import next_step


class ChecksFailed(Exception):
    """Raised under `nbgrader validate`, which shows it to the student; its text is all there is to see."""

    def _render_traceback_(self) -> list[str]:
        return str(self).split("\n")


class Outcome:
    """What `check` found; shown below the cell."""

    def __init__(self, report: Report) -> None:
        self.report = report

    def __repr__(self) -> str:
        return "\n".join(
            f"{mark} {title}" + (f"\n{_indent(text)}" if text else "") for mark, title, text in self._lines()
        )

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<div><b style='color:{'#1b6e2e' if mark == '✓' else '#a1260d'}'>{mark}</b> {html.escape(title)}"
            + (f"<pre style='margin:2px 0 8px 1.4em;white-space:pre-wrap'>{html.escape(text)}</pre>" if text else "")
            + "</div>"
            for mark, title, text in self._lines()
        )
        return f"<div style='font-size:90%'>{rows}</div>"

    def _lines(self) -> list[tuple[str, str, str]]:
        lines = []
        for task in self.report.tasks:
            results = self.report.of(task)
            passed = sum(result.status is Status.PASSED for result in results)
            lines.append(
                (
                    "✓" if passed == len(results) else "✗",
                    f"{task.name}: {passed} of {len(results)} public checks pass",
                    "",
                )
            )
            if all(result.status is Status.NOT_STARTED for result in results):
                lines[-1] = ("–", f"{task.name}: {next_step(task, results)}", "")
                continue
            for result in results:
                if result.status is not Status.PASSED or result.share < 1:
                    title = result.check.name.rpartition("::")[2].removeprefix("test_").replace("_", " ")
                    lines.append(("✓" if result.status is Status.PASSED else "✗", title, result.message))
        return lines


def check(task: str) -> Any:
    """Run the public checks of a task on the functions that are defined in this notebook.

    Args:
        task: its name, as in the handout.

    Raises:
        CourseError: there is no check file beside the notebook, or it has no such task.
    """
    namespace = sys._getframe(1).f_globals
    report = run_task(task, namespace, Path.cwd())
    if os.environ.get("NBGRADER_VALIDATING") == "1":
        if report.score < report.max_score:
            raise ChecksFailed(repr(Outcome(report)))
        return report.score
    return Outcome(report)


def run_task(task: str, namespace: dict[str, Any], folder: Path) -> Report:
    """The public checks of a task on the names of `namespace`; see `check`."""
    from grader.checkrun import run_checks
    from grader.run import Run

    files = check_files(folder)
    if not files:
        raise CourseError(
            f"There is no test_*.py in {folder}: the checks of an assignment lie beside its notebook. "
            "Put them back together."
        )
    run = Run(namespace=namespace, tasks=frozenset([task]))
    # Windows has no signals: there pytest-timeout can only end the whole process, and the kernel with it.
    problem = run_checks(run, files, folder, timeouts=sys.platform != "win32")
    found = [report for report in run.reports().values() if report.tasks]
    if not found:
        raise CourseError(problem or f"The checks in {', '.join(file.name for file in files)} have no task {task!r}.")
    return found[0]


def check_files(folder: Path) -> list[Path]:
    """The public check files for a notebook in `folder`; an instructor's notebook finds those of the students."""
    beside = sorted(path for path in folder.glob("test_*.py") if not path.stem.endswith("_hidden"))
    return beside or sorted((folder.parent.parent / "assignments" / folder.name).glob("test_*.py"))


def _indent(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.split("\n"))
