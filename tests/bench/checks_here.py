"""Runs an assignment's check files on the functions of the notebook that imports this, for graders that execute it.

It is copied beside the notebook, with the check files. All checks of a module run when the first task is asked for: one
start of pytest for a whole notebook, the cheapest way that there is to run them in a kernel.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from grader.checkrun import run_checks
from grader.model import Status
from grader.run import Run

_runs: dict[str, Run] = {}


def require(task: str, module: str, seed: str, namespace: dict[str, Any]) -> None:
    """Raise AssertionError, unless all checks of a task pass.

    Args:
        seed: decides the examples, as it does in the assignment's own grading.
        namespace: the names of the notebook.
    """
    here = Path(__file__).resolve().parent
    if module not in _runs:  # a run that is interrupted is not begun again
        _runs[module] = run = Run(namespace=namespace, seed=seed)
        run_checks(run, [here / f"test_{module}.py", here / f"test_{module}_hidden.py"], here)
    results = [r for report in _runs[module].reports().values() for r in report.results if r.check.task == task]
    failed = [f"{r.check.name}: {r.status}\n{r.message}" for r in results if r.status is not Status.PASSED]
    assert results, f"no check of {task} was run"
    assert not failed, "\n\n".join(failed)
