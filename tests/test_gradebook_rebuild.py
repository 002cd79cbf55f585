from __future__ import annotations

from typing import Any

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from grader.gradebook.handin import HandedCell
from grader.gradebook.rebuild import LABEL, rebuild
from grader.model import Cell, Check, CheckResult, Report, Status, Submission, Task

SOFTMAX, NORM = Task(name="softmax", points=6.0), Task(name="norm", points=4.0)
STUB = "def softmax(s):\n    # YOUR CODE HERE\n    raise NotImplementedError()"


def meta(name: str, *, grade: bool = False, solution: bool = False, points: float | None = None) -> dict[str, Any]:
    about = {"grade_id": name, "grade": grade, "solution": solution, "locked": not solution, "schema_version": 3}
    return {"nbgrader": about | {"task": False} | ({} if points is None else {"points": points})}


def released() -> NotebookNode:
    cells = [
        new_code_cell("from grader import check", metadata=meta("setup")),
        new_markdown_cell("# Story"),
        new_code_cell(STUB, metadata=meta("softmax", solution=True)),
        new_code_cell('check("softmax")', metadata=meta("check_softmax", grade=True, points=6)),
        new_code_cell("def norm(v): ...", metadata=meta("norm", solution=True)),
        new_code_cell('check("norm")', metadata=meta("check_norm", grade=True, points=4)),
        new_code_cell("train()"),
        new_code_cell("# YOUR CODE HERE", metadata=meta("plot", grade=True, solution=True, points=5)),
        new_markdown_cell("YOUR ANSWER HERE", metadata=meta("why", grade=True, solution=True, points=5)),
    ]
    return new_notebook(cells=cells)


def report(*passed: str) -> Report:
    results = tuple(
        CheckResult(
            check=Check(name=f"test_{task}", task=task), status=Status.PASSED if task in passed else Status.FAILED
        )
        for task in ("softmax", "norm")
    )
    return Report(student="ada", assignment="hw1", tasks=(SOFTMAX, NORM), results=results)


def code(source: str, grade_id: str = "", *outputs: NotebookNode) -> HandedCell:
    return HandedCell(kind="code", source=source, grade_id=grade_id, outputs=outputs)


def made(*handed: HandedCell, submission: Submission | None = None) -> NotebookNode:
    notebook = rebuild(released(), handed, submission, report("softmax")).notebook
    nbformat.validate(notebook)
    return notebook


def cell(notebook: NotebookNode, name: str) -> NotebookNode:
    [found] = [cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("grade_id") == name]
    return found


def skeleton(notebook: NotebookNode) -> list[tuple[str, Any]]:
    """All that nbgrader looks at: which cells there are in which order, with which rights and points."""
    return [(c.cell_type, c.metadata.nbgrader) for c in notebook.cells if "nbgrader" in c.metadata]


@pytest.mark.parametrize(
    "handed",
    [
        (),
        (code("x = 1", "softmax"), code("check", "check_softmax"), code("more", "unheard_of")),
        (
            HandedCell(kind="raw", source="x", grade_id="softmax"),
            HandedCell(kind="markdown", source="x", grade_id="norm"),
        ),
        tuple(code(f"v{i}", "softmax") for i in range(9)),
        tuple(code("x", name) for name in ("why", "plot", "check_norm", "setup")),
    ],
)
def test_the_marked_cells_are_those_of_the_release_whatever_was_handed_in(handed: tuple[HandedCell, ...]) -> None:
    assert skeleton(made(*handed)) == skeleton(released())
    assert cell(made(*handed), "check_softmax").source == 'check("softmax")'


def test_answers_are_the_students() -> None:
    notebook = made(
        code("def softmax(s): return s", "softmax"), HandedCell(kind="markdown", source="So.", grade_id="why")
    )
    assert cell(notebook, "softmax").source == "def softmax(s): return s"
    assert cell(notebook, "why").source == "So."


def test_a_check_cell_ends_with_the_score() -> None:
    outputs = cell(made(), "check_softmax").outputs
    assert [output.output_type for output in outputs] == ["display_data", "execute_result"]
    assert outputs[1].data == {"text/plain": "6.0"}
    assert cell(made(), "check_norm").outputs[1].data == {"text/plain": "0.0"}


def test_a_deleted_cell_is_there_again_and_counts_as_not_answered() -> None:
    rebuilt = rebuild(released(), [code("def norm(v): return 1", "norm")], None, report())
    assert cell(rebuilt.notebook, "softmax").source == STUB
    assert rebuilt.answered == {"softmax": False, "norm": True, "plot": False, "why": False}


def test_of_copies_of_a_cell_the_first_that_was_worked_on_counts_and_the_others_are_shown() -> None:
    first, last, stub = code("first", "softmax"), code("last", "softmax"), code(STUB, "softmax")
    for handed in ((first, last), (first, last, stub), (stub, first, last)):
        notebook = made(*handed)
        assert cell(notebook, "softmax").source == "first"
        assert "the first that was worked on counts" in notebook.cells[0].source
        assert [c.source for c in notebook.cells if "nbgrader" not in c.metadata][2:4] == [LABEL, "last"]


def test_of_copies_of_a_cell_the_one_that_was_graded_is_the_answer() -> None:
    graded = (Cell(filename="cell softmax", source="# %time\nlast"),)
    submission = Submission(student="ada", assignment="hw1", modules={"linear": graded})
    notebook = made(code("first", "softmax"), code("%time\nlast", "softmax"), submission=submission)
    assert cell(notebook, "softmax").source == "%time\nlast"


def test_an_exact_copy_is_not_shown_twice() -> None:
    notebook = made(code("same", "softmax"), code("same", "softmax"))
    assert [c.source for c in notebook.cells].count("same") == 1


def test_added_cells_stand_where_they_were_with_a_label() -> None:
    notebook = made(
        code("first = 1"),
        HandedCell(kind="markdown", source="# Story"),
        code("helper = 2", "", new_output("stream", text="two")),
        code("done", "softmax"),
        HandedCell(kind="raw", source="a note"),
        code("  "),
    )
    sources = [c.source for c in notebook.cells[1:]]
    assert sources[:8] == [
        LABEL,
        "first = 1",
        "from grader import check",
        "# Story",
        LABEL,
        "helper = 2",
        "done",
        LABEL,
    ]
    assert sources[8] == "a note"
    assert notebook.cells[6].outputs[0].text == "two"


def test_plots_under_a_given_cell_are_kept_and_a_changed_one_is_shown_after_it() -> None:
    plot = new_output("display_data", data={"image/png": "iVBORw0KGgo="})
    [given] = [c for c in made(code("train()", "", plot)).cells if c.source == "train()"]
    assert given.outputs == [plot]
    sources = [c.source for c in made(code("def norm(v): return 1", "norm"), code("train(steps=9)")).cells]
    assert "train()" in sources
    assert "train(steps=9)" in sources


def test_pictures_under_an_answer_and_in_a_written_one_are_kept() -> None:
    plot = new_output("display_data", data={"image/png": "iVBORw0KGgo="})
    attached = {"a.png": {"image/png": "iVBORw0KGgo="}}
    why = HandedCell(kind="markdown", source="![a](attachment:a.png)", grade_id="why", attachments=attached)
    extra = HandedCell(kind="markdown", source="mine", attachments=attached)
    notebook = made(code("plot()", "plot", plot), why, extra)
    assert cell(notebook, "plot").outputs == [plot]
    assert cell(notebook, "why").attachments == attached
    assert notebook.cells[-1].attachments == attached


def test_outputs_in_the_release_itself_are_never_shown_as_a_students() -> None:
    source = released()
    source.cells[6].outputs = [new_output("stream", text="ours")]
    assert "ours" not in nbformat.writes(rebuild(source, (), None, report()).notebook)


def test_a_graded_file_fills_the_cells_definition_by_definition() -> None:
    text = "import math\n\n\n# by hand\ndef softmax(s):\n    return s\n\n\ndef helper():\n    return 1\n"
    submission = Submission(
        student="ada", assignment="hw1", modules={"linear": (Cell(filename="linear.py", source=text),)}
    )
    notebook = made(code("of the notebook", "softmax"), submission=submission)
    assert cell(notebook, "softmax").source == "# by hand\ndef softmax(s):\n    return s"
    assert cell(notebook, "norm").source == "def norm(v): ..."
    assert notebook.cells[-1].source == "import math\ndef helper():\n    return 1"
    assert "linear.py" in notebook.cells[-2].source
