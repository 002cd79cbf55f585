"""A class of attackers between two honest students, graded by `nbgrader autograde` as a whole."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from multiprocessing import forkserver
from types import MappingProxyType

import nbformat

from grader.batch import pool
from grader.build import build
from tests.attack import Attack
from tests.attack_course import REFERENCE
from tests.attack_scene import Scene
from tests.attack_watch import Watch
from tests.course import write
from tests.gradebook_course import nbgrader

FIRST, LAST = "abe", "zoe"  # who did the work, as nbgrader sorts them: before and after all attackers
ACCEPT = "--Autograde.accept_unsandboxed=True"


class Classroom:
    """One class at one level of the sandbox, graded.

    Attributes:
        scores: student → graded cell → automatic score; None for one that is open.
        status: exit status of `nbgrader autograde`.
        traces: what the attacks left behind, all together.
        told: exit status of `nbgrader generate_feedback`, for those who get any.
    """

    def __init__(self, level: str, attackers: Sequence[Attack], stack: ExitStack) -> None:
        pool._context()
        forkserver.ensure_running()  # stays as long as this process does, so it is no trace
        self.scene = Scene(level, stack)
        self.course = self.scene.course
        stack.enter_context(contextlib.chdir(self.course))
        self._release()
        for number, attack in enumerate(attackers):
            source = attack.submission(self.scene.constants())
            self._hand_in(student_of(attack), source, as_notebook=number % 2 == 0, beside=attack.beside)
        self._hand_in(FIRST, REFERENCE, as_notebook=True)
        self._hand_in(LAST, REFERENCE, as_notebook=False)
        made = (self.scene.gradebook, *(self.course / name for name in ("autograded", "feedback")))
        watch = Watch(self.scene.root, self.scene.mark, self.scene.key, self.scene.listeners, made)
        self.status = nbgrader("autograde", "hw1", ACCEPT)
        self.traces = watch.changes()
        self.scores = self._scores([FIRST, LAST, *map(student_of, attackers)])
        readers = [LAST, *(student_of(attack) for attack in attackers if attack.through == "feedback")]
        self.told = max(nbgrader("generate_feedback", "hw1", "--student", student) for student in readers)

    def files(self, step: str, student: str) -> list[str]:
        """What a step of nbgrader wrote about a student."""
        folder = self.course / step / student
        return [path.read_text("utf-8") for path in folder.rglob("*") if path.suffix in (".ipynb", ".html")]

    def _release(self) -> None:
        build(self.course, ["hw1"])
        write(
            self.course / "nbgrader_config.py",
            "from pathlib import Path\nfrom grader.gradebook import configure\n"
            "c = get_config()\nconfigure(c, Path(__file__).parent)\nc.CourseDirectory.course_id = 'attacks'\n"
            "c.NbGrader.logfile = ''\n",
        )
        assert nbgrader("generate_assignment", "hw1") == 0

    def _hand_in(
        self, student: str, source: str, *, as_notebook: bool, beside: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        folder = self.course / "submitted" / student / "hw1"
        for name, text in beside.items():
            write(folder / name, text)
        (folder / "work.py").unlink(missing_ok=True)
        if as_notebook:
            write(folder / "work.ipynb", self._notebook(source))
        else:
            write(folder / "work.py", source)

    def _notebook(self, source: str) -> str:
        """The released notebook with all of a submission in its last solution cell."""
        notebook = nbformat.read(self.course / "release/hw1/work.ipynb", as_version=4)
        [cell] = [cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("grade_id") == "Counter"]
        cell.source = source
        return str(nbformat.writes(notebook))

    def _scores(self, students: Iterable[str]) -> dict[str, dict[str, float | None]]:
        from nbgrader.api import Gradebook

        with Gradebook(f"sqlite:///{self.scene.gradebook}", "attacks") as gradebook:
            found = {student: gradebook.find_submission_notebook("work", "hw1", student) for student in students}
            return {student: {g.name: g.auto_score for g in notebook.grades} for student, notebook in found.items()}


def student_of(attack: Attack) -> str:
    """Who hands it in."""
    return f"mallory-{attack.name.replace('_', '-')}"
