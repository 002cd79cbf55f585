"""Grades a class: what has no result yet, where it is told to, into a folder that keeps what was done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from grader.batch.engine import Where, grade_units
from grader.batch.progress import Watch
from grader.batch.store import Store
from grader.batch.unit import Unit, pack
from grader.files import Files
from grader.model import Assignment
from grader.text import plain
from grader.version import ingredients, version_of

Handed = tuple[str, Path | Files]  # a student, and what they handed in


def grade_class(
    assignment: Assignment, found: Sequence[Handed], store: Store, where: Where, watch: Watch, *, changed: bool
) -> None:
    """Grade everybody whose result is not in the store.

    Args:
        changed: keep results of earlier runs, where neither the submission nor what it is graded with has changed.
            Without it everything is graded again, unless the last run was cut short: that one is gone on with.

    Raises:
        SandboxError, BatchError: see `grade_units`, `Store.add`; all results so far are in the store.
    """
    store.begin(changed=changed)
    version = version_of(ingredients(assignment))
    with closing(grade_units(assignment, _units(assignment, version, found, store, watch), where, watch.say)) as done:
        for unit, graded in done:
            store.add(unit.key, graded.report, graded.seconds)
            watch.add(unit.student, graded)
    store.end()


def _units(assignment: Assignment, version: str, found: Sequence[Handed], store: Store, watch: Watch) -> Iterator[Unit]:
    for student, handed in found:
        unit = Unit(version=version, student=student, handed=pack(handed, assignment))
        if store.has(unit.key):
            watch.keep()
        else:
            yield unit


def changes(store: Store, students: Sequence[str]) -> Iterator[str]:
    """Whose score is another than in the run before: "ada: 80 → 85 (norm 20 → 25)"."""
    for student in students:
        old, new = store.before.get(student), store.entries.get(student)
        if old and new and old.points != new.points:
            was = dict(old.points)
            moved = [
                f"{task} {_points(was.get(task))} → {_points(now)}" for task, now in new.points if was.get(task) != now
            ]
            yield f"{plain(student)}: {old.score:g} → {new.score:g} ({', '.join(moved)})"


def _points(score: float | None) -> str:
    return "open" if score is None else f"{score:g}"
