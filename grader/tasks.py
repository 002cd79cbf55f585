"""The tasks and checks of a module, and the tasks that people grade: read, and held against what students write."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from grader.checkfile import CheckFile, amount, is_name, listed
from grader.model import Check, ManualTask, Task
from grader.percent import cells
from grader.problems import Problems
from grader.source import parse, read, regions, solution_names


def read_module(
    module: str, *, reference: Path, public: Path, hidden: Path, problems: Problems
) -> tuple[tuple[Task, ...], tuple[Check, ...]]:
    """The tasks of one module in the order of its public check file, and their checks, public ones first."""
    names = solution_names(read(reference, problems), path=reference, problems=problems)
    open_file, secret_file = CheckFile(public, problems), CheckFile(hidden, problems)
    open_file.read()
    secret_file.read()
    tasks = _tasks(open_file, module)
    known = {task.name for task in tasks}
    for mark in secret_file.marks:
        if mark.points is not None or mark.covers:
            secret_file.problem("points and covers belong in the public check file; name the task only", mark.line)
        if mark.name not in known:
            secret_file.problem(f"no task {mark.name!r} in {public.name}; it has {listed(known)}", mark.line)
    if names is not None:
        _match_names(open_file, tasks, names, reference)
    first: dict[str, str] = {}
    for file in (open_file, secret_file):
        for test in file.tests:
            if test.name in first:
                file.problem(f"there is already a check {test.name} ({first[test.name]})", test.line)
            first.setdefault(test.name, f"{file.path.name}:{test.line}")
    checks = [
        Check(name=test.name, task=test.mark.name, weight=test.weight, hidden=file is secret_file)
        for file in (open_file, secret_file)
        for test in file.tests
        if test.mark
    ]
    return tasks, tuple(checks)


def read_manual(path: Path, problems: Problems) -> tuple[ManualTask, ...]:
    """The manually graded cells of an experiments file; without such a file there are none."""
    if not path.exists():
        return ()
    text = read(path, problems)
    parse(text, path=path, problems=problems)
    marked = {region.begin for region in regions(text, path=path, problems=problems)}
    found: dict[str, ManualTask] = {}
    for cell in cells(text, path=path, problems=problems):
        begun = [line for line in sorted(marked) if line in cell]
        if not {"points", "task"} & cell.metadata.keys():
            if begun:
                problems.add(
                    'a solution region needs a graded cell: `# %% points=5 task="a_name"`', path=path, line=begun[0]
                )
            continue
        name, points = cell.metadata.get("task"), amount(cell.metadata.get("points"))
        if not is_name(name):
            problems.add(f'expected task="a_name" in the header, found {name!r}', path=path, line=cell.line)
        elif points is None:
            problems.add("expected points=<a number above 0> in the header", path=path, line=cell.line)
        elif name in found:
            problems.add(f"there is already a cell for task {name!r}", path=path, line=cell.line)
        elif not begun:
            problems.add(
                "a graded cell holds a solution region; nbgrader would clear the whole cell", path=path, line=cell.line
            )
        else:
            found[str(name)] = ManualTask(name=str(name), points=points)
    return tuple(found.values())


def _tasks(file: CheckFile, module: str) -> tuple[Task, ...]:
    tasks: dict[str, Task] = {}
    for mark in file.marks:
        if mark.name in tasks:
            file.problem(f"there is already a task {mark.name!r}; a task is one class or one function", mark.line)
        elif mark.points is None:
            file.problem(f"task {mark.name!r} needs points=<a number above 0>", mark.line)
        tasks.setdefault(
            mark.name,
            Task(name=mark.name, points=mark.points or 0.0, covers=mark.covers or (mark.name,), module=module),
        )
    return tuple(tasks.values())


def _match_names(file: CheckFile, tasks: Sequence[Task], names: dict[str, int], reference: Path) -> None:
    """Every name with a solution region belongs to one task, and nothing else does; another may be about the same."""
    lines = {mark.name: mark.line for mark in reversed(file.marks)}
    owner: dict[str, str] = {}
    for number, task in enumerate(tasks):
        # Such as the speed of a function, beside the task of the function itself.
        again = task.name not in names and any(set(task.covers) <= set(other.covers) for other in tasks[:number])
        for name in task.covers:
            if name not in names:
                missing = f"{reference.name} has no function or class of this name with a solution region"
                file.problem(f"task {task.name!r} covers {name!r}, but {missing}", lines[task.name])
            if name in owner and not again:
                file.problem(
                    f"task {task.name!r} covers {name!r}, which task {owner[name]!r} does already", lines[task.name]
                )
            owner.setdefault(name, task.name)
    for name in names.keys() - owner.keys():
        file._problems.add(f"no task in {file.path.name} covers {name!r}", path=reference, line=names[name])
