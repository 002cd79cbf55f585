"""A tiny course for nbgrader's commands, run in process, with a stand-in for the grading itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_output

import grader.gradebook.autograde as autograde_module
from grader.build import build
from grader.errors import NotStarted, SubmissionGone
from grader.grade import unmeasured
from grader.gradebook.handin import handed_notebook, read_cells
from grader.model import Assignment, Cell, Check, CheckResult, Report, Status, Submission

Grade = Callable[[Path, Assignment, str], tuple[Submission | None, Report]]
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
HIDDEN = "the_hidden_name"
SECRET_ANSWER = "return 2 * x  # the reference"

REFERENCE = f'''\
# %% [markdown]
# # The story

# %%
"""A tiny module."""


# %%
def double(x):
    ### BEGIN SOLUTION
    {SECRET_ANSWER}
    ### END SOLUTION


# %%
def halve(x):
    ### BEGIN SOLUTION
    return x / 2
    ### END SOLUTION
'''
EXPERIMENTS = """\
# %%
experiment()

# %% points=30 task="plot_it"
### BEGIN SOLUTION
plot()
### END SOLUTION

# %% [markdown] points=10 task="why_it"
# ### BEGIN SOLUTION
# Because.
# ### END SOLUTION
"""
PUBLIC = """import pytest
@pytest.mark.task("double", points=40)
def test_doubles(hw): ...
@pytest.mark.task("halve", points=20)
def test_halves(hw): ...
"""
HIDDEN_CHECKS = f"""import pytest
@pytest.mark.task("double")
def test_{HIDDEN}(hw): ...
"""


def make_course(root: Path) -> Path:
    given, ours = root / "assignments/hw1", root / "solutions/hw1"
    given.mkdir(parents=True)
    ours.mkdir(parents=True)
    (given / "README.md").write_text("The handout.")
    (given / "test_tiny.py").write_text(PUBLIC)
    (ours / "assignment.toml").write_text('title = "Tiny"\nmodules = ["tiny"]\nseed = "a secret"\n')
    (ours / "tiny.py").write_text(REFERENCE)
    (ours / "experiments.py").write_text(EXPERIMENTS)
    (ours / "test_tiny_hidden.py").write_text(HIDDEN_CHECKS)
    (ours / "variants").mkdir()
    (ours / "variants/other.py").write_text(SECRET_ANSWER)
    build(root, ["hw1"])
    (ours / "scratch.ipynb").write_text("{}")
    (root / "nbgrader_config.py").write_text(
        "from pathlib import Path\nfrom grader.gradebook import configure\n"
        "c = get_config()\nconfigure(c, Path(__file__).parent)\nc.CourseDirectory.course_id = 'tiny'\n"
        f"c.CourseDirectory.db_url = 'sqlite:///{root}/gradebook.db?timeout=0.1'\n"
    )
    return root


def toy_grade(folder: Path, assignment: Assignment, student: str) -> tuple[Submission | None, Report]:
    """Grades by looking for the right text in the file or the notebook's cells."""
    tasks = assignment.tasks
    text = folder / "tiny.py"
    cells = read_cells(handed_notebook(folder, "tiny", ["tiny"]))
    if text.is_file():
        submission = Submission(
            student=student, assignment="hw1", modules={"tiny": (Cell(filename="tiny.py", source=text.read_text()),)}
        )
    elif cells:
        submission = Submission(
            student=student,
            assignment="hw1",
            modules={"tiny": tuple(Cell(filename=f"cell {c.grade_id}", source=c.source) for c in cells)},
        )
    else:
        message = "there is no tiny.ipynb and no tiny.py"
        return None, Report(student=student, assignment="hw1", tasks=tasks, results=toy_results(""), notes=(message,))
    whole = "\n".join(cell.source for cell in submission.modules["tiny"])
    if "raise OSError" in whole:
        raise OSError("the disk of the grader is full")
    return submission, Report(student=student, assignment="hw1", tasks=tasks, results=toy_results(whole))


def toy_grades(grade: Grade = toy_grade) -> Any:
    """In the place of `grade_folders`: grades one after the other, in this process."""

    def grade_folders(
        work: Iterable[tuple[str, Path]], assignment: Assignment, *others: Any
    ) -> Iterator[tuple[str, Submission | None, Report]]:
        for student, folder in work:
            try:
                yield student, *grade(folder, assignment, student)
            except (Exception, SubmissionGone, NotStarted) as error:
                yield student, None, unmeasured(assignment, student, str(error))

    return grade_folders


def toy_results(source: str) -> tuple[CheckResult, ...]:
    def result(name: str, task: str, good: bool, *, hidden: bool = False) -> CheckResult:
        status = Status.PASSED if good else Status.FAILED
        if "broken grader" in source:
            status = Status.ERROR
        message = "" if good else "<script>alert(1)</script> \x1b[31mexpected 2"
        return CheckResult(check=Check(name=name, task=task, hidden=hidden), status=status, message=message)

    return (
        result("test_doubles", "double", "2 * x" in source or "x + x" in source),
        result(f"test_{HIDDEN}", "double", "2 * x" in source, hidden=True),
        result("test_halves", "halve", "x / 2" in source),
    )


def course_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The course as a fresh clone has it, and the current folder."""
    root = make_course(folder / "course")
    monkeypatch.chdir(root)
    monkeypatch.setattr(autograde_module, "grade_folders", toy_grades())
    return root


def nbgrader(app: str, *arguments: str) -> int:
    """Run an nbgrader command in this process; returns its exit status."""
    import importlib

    from traitlets.config.application import Application

    module, name = {
        "generate_assignment": ("generateassignmentapp", "GenerateAssignmentApp"),
        "autograde": ("autogradeapp", "AutogradeApp"),
        "generate_feedback": ("generatefeedbackapp", "GenerateFeedbackApp"),
        "export": ("exportapp", "ExportApp"),
        "zip_collect": ("zipcollectapp", "ZipCollectApp"),
        "release_assignment": ("releaseassignmentapp", "ReleaseAssignmentApp"),
        "list": ("listapp", "ListApp"),
        "fetch_assignment": ("fetchassignmentapp", "FetchAssignmentApp"),
        "submit": ("submitapp", "SubmitApp"),
        "collect": ("collectapp", "CollectApp"),
        "release_feedback": ("releasefeedbackapp", "ReleaseFeedbackApp"),
        "fetch_feedback": ("fetchfeedbackapp", "FetchFeedbackApp"),
    }[app]
    command = getattr(importlib.import_module(f"nbgrader.apps.{module}"), name)()
    try:
        command.initialize(list(arguments))
        command.start()
    except SystemExit as end:
        return int(end.code or 0)
    finally:
        command.reset()
        Application.clear_instance()
    return 0


def hand_in(course: Path, student: str, **files: str) -> Path:
    """submitted/<student>/hw1 with these files; an underscore pair in a name stands for a dot."""
    folder = course / "submitted" / student / "hw1"
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    return folder


def answered(course: Path, **answers: str) -> str:
    """The released notebook with these cells filled in."""
    notebook = nbformat.read(course / "release/hw1/tiny.ipynb", as_version=4)
    for cell in notebook.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id")
        if name in answers:
            cell.source = answers[name]
        if name == "plot_it" and name in answers:
            cell.outputs = [
                new_output("display_data", data={"image/png": PNG, "text/html": "<script>alert(1)</script>"}),
                new_output("stream", name="stdout", text="loss 0.1"),
            ]
    return nbformat.writes(notebook)


DOUBLE = "def double(x):\n    return 2 * x"
HALF_DOUBLE = "def double(x):\n    return x + x"
HALVE = "def halve(x):\n    return x / 2"


def grades(course: Path, student: str) -> dict[str, tuple[float | None, bool]]:
    """Graded cell → automatic score and whether a person has to look at it."""
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{course}/gradebook.db", "tiny") as gradebook:
        notebook = gradebook.find_submission_notebook("tiny", "hw1", student)
        return {grade.name: (grade.auto_score, grade.needs_manual_grade) for grade in notebook.grades}


def graded(course: Path, student: str) -> nbformat.NotebookNode:
    notebook = nbformat.read(course / "autograded" / student / "hw1/tiny.ipynb", as_version=4)
    nbformat.validate(notebook)
    return notebook


def cell_of(notebook: nbformat.NotebookNode, name: str) -> nbformat.NotebookNode:
    [cell] = [cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("grade_id") == name]
    return cell
