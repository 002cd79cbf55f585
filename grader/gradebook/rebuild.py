"""The notebook that a grader sees: the released one, filled with what a student may fill.

Only the released notebook says which cells there are, what they are worth and what the locked ones hold. From the
student come the answers in solution cells, the pictures and texts under their own cells, and the cells that they added
or changed, which are kept for the reader and labelled. So nothing in a submitted file's metadata has any effect.

The answer in a solution cell is
- the definition in the .py file, where a .py file was graded for that module;
- else the student's cell with that grade id; of several, the one that was graded (`grader.submission` chooses it), and
  in cells that a person grades, the first that is not the untouched stub;
- else the stub: a cell that a student deleted is there again.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell

from grader.gradebook.feedback import check_outputs, summary_cell
from grader.gradebook.handin import HandedCell
from grader.gradebook.outputs import visible
from grader.gradebook.segments import definitions
from grader.model import Report, Submission
from grader.submission import without_magics

CHECK = "check_"  # a task's graded cell is called check_<task>
LABEL = "*Cells that the student added or changed:*"
REST = "*What else stands in {name}:*"
TWICE = "The cell {name} is in the notebook {count} times: the first that was worked on counts, the others follow it."


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """A notebook for the grader, and which of its solution cells hold more than the stub."""

    notebook: NotebookNode
    answered: Mapping[str, bool]  # grade id of each solution cell


def grade_id(cell: NotebookNode) -> str:
    return str(cell.metadata.get("nbgrader", {}).get("grade_id", ""))


def is_solution(cell: NotebookNode) -> bool:
    return bool(cell.metadata.get("nbgrader", {}).get("solution"))


def same(first: str, second: str) -> bool:
    return first.strip() == second.strip()


def rebuild(
    released: NotebookNode, handed: Sequence[HandedCell], submission: Submission | None, report: Report
) -> Rebuilt:
    """Fill the released notebook with the cells a student handed in and with the outcome of the checks."""
    notebook = copy.deepcopy(released)
    choice = Choice(notebook.cells, handed, graded_cells(submission))
    files = _from_files(submission, [grade_id(cell) for cell in notebook.cells if is_solution(cell)])
    for position, cell in enumerate(notebook.cells):
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        if (partner := choice.partner.get(position)) is not None:
            _fill(cell, handed[partner])
        if grade_id(cell) in files.answers:
            cell.source, cell.outputs = files.answers[grade_id(cell)], []
    for task in report.tasks:
        for cell in notebook.cells:
            if grade_id(cell) == CHECK + task.name:
                cell.outputs = check_outputs(report, task)
    stubs = {grade_id(cell): cell.source for cell in released.cells if is_solution(cell)}
    answered = {grade_id(c): not same(c.source, stubs[grade_id(c)]) for c in notebook.cells if is_solution(c)}
    notebook.cells = list(_with_extras(notebook.cells, choice, handed, files.rest))
    notebook.cells.insert(0, summary_cell(report, notes=choice.notes))
    return Rebuilt(notebook=notebook, answered=answered)


class Choice:
    """Which cell of the student's belongs to which of ours.

    partner: position in the released notebook → position in the student's
    extras: position in the released notebook → the positions of the student's cells to show after it (-1: at the top)
    notes: what the student should know about it
    """

    def __init__(
        self, released: Sequence[NotebookNode], handed: Sequence[HandedCell], graded: Collection[tuple[str, str]] = ()
    ) -> None:
        self.graded = graded
        self.partner: dict[int, int] = {}
        self.extras: defaultdict[int, list[int]] = defaultdict(list)
        self.notes: list[str] = []
        ours = {grade_id(cell): position for position, cell in enumerate(released) if grade_id(cell)}
        plain = defaultdict(list)  # source → positions of released cells without a grade id
        for position, cell in enumerate(released):
            if not grade_id(cell):
                plain[cell.source.strip()].append(position)
        for name, position in ours.items():
            self._choose(name, position, released[position], handed)
        anchor = -1
        taken = {theirs: position for position, theirs in self.partner.items()}
        for theirs, cell in enumerate(handed):
            if theirs in taken:
                anchor = taken[theirs]
            elif cell.grade_id in ours:
                anchor = ours[cell.grade_id]
                known = (released[anchor].source, handed[self.partner[anchor]].source if anchor in self.partner else "")
                if is_solution(released[anchor]) and not any(same(cell.source, source) for source in known):
                    self.extras[anchor].append(theirs)
            elif plain[cell.source.strip()]:
                anchor = plain[cell.source.strip()].pop(0)
                self.partner[anchor] = theirs
            elif not cell.blank:
                self.extras[anchor].append(theirs)

    def _choose(self, name: str, position: int, ours: NotebookNode, handed: Sequence[HandedCell]) -> None:
        found = [theirs for theirs, cell in enumerate(handed) if cell.grade_id == name]
        if not is_solution(ours) or not found:
            return
        graded = [t for t in found if (f"cell {name}", without_magics(handed[t].source)) in self.graded]
        changed = [theirs for theirs in found if not same(handed[theirs].source, ours.source)]
        self.partner[position] = (graded or changed or found)[0]
        if len(found) > 1:
            self.notes.append(TWICE.format(name=name, count=len(found)))


def graded_cells(submission: Submission | None) -> set[tuple[str, str]]:
    """Name and source of everything that was graded: ("cell softmax", "def softmax(S): ...")."""
    return {
        (cell.filename, cell.source) for cells in (submission.modules.values() if submission else ()) for cell in cells
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Files:
    answers: Mapping[str, str]  # grade id → the definition in a graded .py file
    rest: Mapping[str, str]  # file name → its other statements


def _from_files(submission: Submission | None, names: Sequence[str]) -> _Files:
    answers: dict[str, str] = {}
    rest: dict[str, str] = {}
    for cells in submission.modules.values() if submission else ():
        for cell in cells:
            if cell.filename.endswith(".py") and not cell.filename.startswith("cell "):
                named, other = definitions(visible(cell.source), names)
                answers |= named
                rest[cell.filename] = other
    return _Files(answers=answers, rest=rest)


def _fill(cell: NotebookNode, handed: HandedCell) -> None:
    """Take the student's answer (in a solution cell) and the outputs under it."""
    if is_solution(cell):
        cell.source = visible(handed.source)
    if cell.cell_type == "code":
        cell.outputs = copy.deepcopy(list(handed.outputs))
    elif handed.attachments:
        cell.attachments = dict(handed.attachments)


def _with_extras(
    cells: Sequence[NotebookNode], choice: Choice, handed: Sequence[HandedCell], rest: Mapping[str, str]
) -> Iterator[NotebookNode]:
    number = 0
    for position in range(-1, len(cells)):
        if position >= 0:
            yield cells[position]
        shown = [(LABEL, [_show(handed[theirs]) for theirs in choice.extras[position]])]
        if position == len(cells) - 1:
            shown += [(REST.format(name=name), [new_code_cell(text)]) for name, text in rest.items() if text.strip()]
        for label, extras in shown:
            for cell in [new_markdown_cell(label), *extras] if extras else ():
                cell["id"] = f"grader-extra-{number}"
                number += 1
                yield cell


def _show(handed: HandedCell) -> NotebookNode:
    if handed.kind == "code":
        return new_code_cell(visible(handed.source), outputs=copy.deepcopy(list(handed.outputs)))
    cell = new_markdown_cell(visible(handed.source))
    if handed.attachments:
        cell.attachments = dict(handed.attachments)
    return cell
