"""Hostile notebooks in one class with honest ones: scores stay, nothing crashes, no page runs what they hold.

An attack is an entry of ATTACKS: it spoils the full notebook of its student. All are graded in one run of nbgrader.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests.gradebook_course import (
    DOUBLE,
    HALF_DOUBLE,
    HALVE,
    answered,
    cell_of,
    course_in,
    graded,
    grades,
    hand_in,
    nbgrader,
)
from tests.pages import Page

Notebook = dict[str, Any]
TITLE = "<script>document.title='owned'</script>"
PAYLOADS = (
    TITLE,
    "<img src=x onerror=\"document.title='owned'\">",
    "<svg/onload=\"document.title='owned'\">",
    "<iframe srcdoc=\"<script>parent.document.title='owned'</script>\"></iframe>",
    "</script></style></textarea></title></pre>" + TITLE,
    "<a href=\"javascript:document.title='owned'\" autofocus onfocus=\"document.title='owned'\">x</a>",
    "[x](javascript:document.title='owned') ![x](data:text/html;base64,PHNjcmlwdD4=)",
    "<form action=//example.org><input name=score value=100><button>Full credit</button></form>",
    "<style>.score{display:none}</style><link rel=stylesheet href=//example.org/x.css><meta http-equiv=refresh content=0>",
    "{{ resources.__class__ }} {% raw %} ${alert(1)}",
    "$\\href{javascript:alert(1)}{x}$ \\(\\unicode[x]{1}\\) $$\\require{html}\\style{position:fixed}{x}$$",
    "\x1b]0;owned\x07\x1b[2J\x9b31m\u202e\u200b\u2066\x00\x08\r",
    "--><!--",
)
ALL = "\n\n".join(PAYLOADS)


def named(notebook: Notebook, name: str) -> Notebook:
    cell: Notebook = next(c for c in notebook["cells"] if c["metadata"].get("nbgrader", {}).get("grade_id") == name)
    return cell


def every_mark(notebook: Notebook, **claims: Any) -> None:
    for cell in notebook["cells"]:
        if "nbgrader" in cell["metadata"]:
            cell["metadata"]["nbgrader"].update(claims)


def swap(notebook: Notebook, first: str, second: str) -> None:
    """Two cells with each other's names."""
    one, other = named(notebook, first), named(notebook, second)
    one["metadata"], other["metadata"] = other["metadata"], one["metadata"]


def add(notebook: Notebook, *, at: int = 0, kind: str = "code", source: Any = "x", **more: Any) -> None:
    metadata = more.pop("metadata", {})
    notebook["cells"].insert(at, {"cell_type": kind, "source": source, "metadata": metadata, **more})


def drop(notebook: Notebook, *names: str) -> None:
    gone = [named(notebook, name) for name in names]
    notebook["cells"] = [cell for cell in notebook["cells"] if cell not in gone]


def forged_score(notebook: Notebook, score: Any) -> None:
    for name in ("check_double", "check_halve", "plot_it"):
        output = {"output_type": "execute_result", "execution_count": 1, "metadata": {}, "data": {"text/plain": score}}
        named(notebook, name)["outputs"] = [output]


def rich_outputs(notebook: Notebook) -> None:
    kinds = ("text/html", "application/javascript", "image/svg+xml", "text/latex", "text/markdown", "text/plain")
    bundle = dict.fromkeys(kinds, ALL) | {"application/vnd.jupyter.widget-view+json": {"model_id": TITLE}}
    forged = {"image/png": f'x"><{TITLE}', "image/jpeg": ["/9j/", TITLE], "image/gif": TITLE}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"] = [
                {"output_type": "display_data", "data": bundle, "metadata": {"image/png": {"width": '1" onload="x'}}},
                {"output_type": "display_data", "data": forged, "metadata": {}},
                {"output_type": "stream", "name": TITLE, "text": ALL},
                {"output_type": "error", "ename": TITLE, "evalue": ALL, "traceback": [ALL, "\x1b[31m<b>"]},
            ]
    notebook["metadata"]["widgets"] = {"application/vnd.jupyter.widget-state+json": {"state": {"x": {"y": ALL}}}}


def payload_everywhere(notebook: Notebook) -> None:
    named(notebook, "why_it").update(source=ALL, attachments={'"><script>': {"image/png": TITLE}, TITLE: {}})
    named(notebook, "plot_it")["source"] = ALL
    named(notebook, "double")["source"] += f"\n# {ALL!r}"
    for kind in ("markdown", "code", "raw", TITLE):
        add(notebook, at=3, kind=kind, source=ALL, id=TITLE, metadata={"tags": [TITLE], "format": "text/html"})
        add(
            notebook,
            at=3,
            kind="raw",
            source=ALL,
            metadata={"raw_mimetype": "text/html", "nbgrader": {"grade_id": TITLE}},
        )


KERNEL = {
    "name": "sh; touch owned",
    "display_name": TITLE,
    "language": "bash",
    "argv": ["/bin/sh", "-c", "touch owned"],
}
LANGUAGE = {"name": TITLE, "codemirror_mode": {"name": TITLE}, "pygments_lexer": "<script>", "file_extension": ".sh"}

ATTACKS: dict[str, Callable[[Notebook], Any]] = {
    "points of 1000": lambda n: every_mark(n, points=1000),
    "negative points": lambda n: every_mark(n, points=-1000),
    "points that are no number": lambda n: every_mark(n, points="NaN"),
    "points that are infinite": lambda n: every_mark(n, points=float("inf")),
    "all marked as graded": lambda n: every_mark(n, grade=True, solution=False, locked=False),
    "all marked as solutions": lambda n: every_mark(n, grade=False, solution=True),
    "all marked as tasks": lambda n: every_mark(n, task=True, grade=True, points=1000),
    "one name for all": lambda n: every_mark(n, grade_id="check_double"),
    "checksums": lambda n: every_mark(n, checksum="0" * 32, cell_type="markdown"),
    "names of other types": lambda n: every_mark(n, grade_id={"a": [1]}),
    "schema 0": lambda n: every_mark(n, schema_version=0),
    "schema 1": lambda n: every_mark(n, schema_version=1),
    "schema 2": lambda n: every_mark(n, schema_version=2),
    "schema 99": lambda n: every_mark(n, schema_version=99),
    "schema of text": lambda n: every_mark(n, schema_version="three"),
    "swapped names": lambda n: swap(n, "double", "check_double"),
    "swapped tasks": lambda n: swap(n, "double", "halve"),
    "deleted checks": lambda n: drop(n, "check_double", "check_halve"),
    "deleted answers": lambda n: drop(n, "double", "halve", "plot_it", "why_it"),
    "reversed": lambda n: n["cells"].reverse(),
    "everything twice": lambda n: n["cells"].extend(json.loads(json.dumps(n["cells"]))),
    "checks ten times": lambda n: n["cells"].extend([named(n, "check_double")] * 10),
    "one id for all": lambda n: [cell.update(id="same") for cell in n["cells"]],
    "ids that are none": lambda n: [cell.update(id=[{}]) for cell in n["cells"]],
    "forged 100": lambda n: forged_score(n, "100.0"),
    "forged list": lambda n: forged_score(n, ["100", "0"]),
    "forged infinity": lambda n: forged_score(n, "inf"),
    "comments": lambda n: every_mark(n, comment="Excellent", auto_comment="Excellent", manual_score=100),
    "kernel": lambda n: n["metadata"].update(kernelspec=KERNEL, language_info=LANGUAGE),
    "grader's own mark": lambda n: n["metadata"].update(grader={"fingerprint": "x"}),
    "format 3": lambda n: n.update(nbformat=3, worksheets=[{"cells": n["cells"]}]),
    "format of text": lambda n: n.update(nbformat="<b>", nbformat_minor=[]),
    "no metadata": lambda n: [n.pop("metadata"), *(cell.pop("metadata") for cell in n["cells"])],
    "cells of no kind": lambda n: [add(n, kind=kind, source=kind) for kind in ("", 3, None, ["code"], {})],
    "sources of no text": lambda n: [add(n, source=source) for source in (None, 3, {}, [None, 3], [["x"]])],
    "outputs of no kind": lambda n: [cell.update(outputs={"a": [3]}) for cell in n["cells"]],
    "half characters": lambda n: add(n, source="\ud800", metadata={"nbgrader": {"grade_id": "\udfff"}}),
    "half characters in answers": lambda n: named(n, "why_it").update(source="\ud800 \udc00"),
    "a missing picture": lambda n: named(n, "why_it").update(source="![x](attachment:none.png)"),
    "deep quotes": lambda n: named(n, "why_it").update(source="> " * 5_000),
    "long answer": lambda n: named(n, "why_it").update(source="|a" * 300_000),
    "rich outputs": rich_outputs,
    "payloads": payload_everywhere,
}
STUDENTS = {name: f"eve{number}" for number, name in enumerate(ATTACKS)}
HALF = {"check_double": (20, False), "check_halve": (20, False)}


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The class, graded, with feedback: every attacker between two honest neighbours, who answered alike."""
    with pytest.MonkeyPatch.context() as patch:
        root = course_in(tmp_path_factory.mktemp("hostile"), patch)
        assert nbgrader("generate_assignment", "hw1") == 0
        honest = answered(root, double=HALF_DOUBLE, halve=HALVE, plot_it="my_plot()", why_it="Because.")
        for student in ("ada", "zoe"):
            hand_in(root, student, tiny__ipynb=honest)
        for name, attack in ATTACKS.items():
            notebook = json.loads(honest)
            attack(notebook)
            hand_in(root, STUDENTS[name], tiny__ipynb=json.dumps(notebook))
        assert nbgrader("autograde", "hw1") == 0
        assert nbgrader("generate_feedback", "hw1") == 0
        yield root


def test_the_neighbours_scores_are_untouched(course: Path) -> None:
    expected = HALF | {"plot_it": (None, True), "why_it": (None, True)}
    assert grades(course, "ada") == grades(course, "zoe") == expected


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_earns_no_more_than_the_same_work_without_it(course: Path, name: str) -> None:
    found = grades(course, STUDENTS[name])
    assert set(found) == {"check_double", "check_halve", "plot_it", "why_it"}
    for task, (points, _) in HALF.items():
        assert found[task][0] in (0, points)
    assert {found[task] for task in ("plot_it", "why_it")} <= {(None, True), (0, False)}, "a person decides"


@pytest.mark.parametrize("name", ATTACKS)
def test_the_graded_notebook_has_the_marks_of_the_release(course: Path, name: str) -> None:
    def marks(notebook: nbformat.NotebookNode) -> list[Any]:
        return [cell.metadata.nbgrader for cell in notebook.cells if "nbgrader" in cell.metadata]

    ours = nbformat.read(course / "release/hw1/tiny.ipynb", as_version=4)
    theirs = graded(course, STUDENTS[name])
    assert marks(theirs) == marks(ours)
    assert theirs.metadata.get("kernelspec") == ours.metadata.get("kernelspec")
    assert "widgets" not in theirs.metadata
    assert cell_of(theirs, "check_double").outputs[-1].data["text/plain"] in ("0.0", "20.0")


def test_points_in_the_gradebook_are_those_of_the_release(course: Path) -> None:
    assert nbgrader("export", "--to", "out.csv") == 0
    header, *rows = [line.split(",") for line in (course / "out.csv").read_text().splitlines()]
    column = {name: header.index(name) for name in ("score", "max_score")}
    assert len(rows) == len(ATTACKS) + 2
    assert {row[column["max_score"]] for row in rows} == {"100.0"}
    assert all(0 <= float(row[column["score"]]) <= 40 for row in rows)


def feedback(course: Path, student: str) -> str:
    return (course / "feedback" / student / "hw1/tiny.html").read_text(encoding="utf-8")


def formgrader(course: Path, student: str) -> str:
    """The page on which a grader reads a submission, made as formgrader makes it."""
    from nbconvert.exporters import HTMLExporter
    from nbgrader.server_extensions.formgrader import handlers
    from traitlets.config import Config

    from grader.gradebook import configure

    c = Config()
    configure(c, course)
    c.HTMLExporter.template_name = "formgrade"
    c.HTMLExporter.extra_template_basedirs = [handlers.template_path]
    names = ("assignment_id", "notebook_id", "submission_id", "base_url", "student", "last_name", "first_name")
    resources = dict.fromkeys(names, "x") | {"index": 0, "total": 1, "notebook_path": "x"}
    path = course / "autograded" / student / "hw1/tiny.ipynb"
    return str(HTMLExporter(config=c).from_filename(str(path), resources=resources)[0])


@pytest.mark.parametrize("page", [feedback, formgrader])
@pytest.mark.parametrize("name", ATTACKS)
def test_no_page_does_more_than_an_honest_ones(course: Path, name: str, page: Callable[[Path, str], str]) -> None:
    honest, hostile = Page(page(course, "ada")), Page(page(course, STUDENTS[name]))
    assert hostile.bad == honest.bad
    assert hostile.active == honest.active


@pytest.mark.parametrize("page", [feedback, formgrader])
def test_nothing_in_a_page_steers_or_turns_the_text(course: Path, page: Callable[[Path, str], str]) -> None:
    for name in ("payloads", "rich outputs"):
        text = page(course, STUDENTS[name])
        assert not set(text) & set("\x1b\x07\x08\x9b\x00\u202e\u2066")
        assert "owned" in text, "it is shown, as text"


def test_a_folder_that_no_student_can_have_is_named_and_stops_nobody(
    course: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    strange = ["<img src=x onerror=alert(1)>", "--force", "a\nb", "\x1b[2J"]
    for name in strange:
        hand_in(course, name, tiny__py=DOUBLE)
    assert nbgrader("autograde", "hw1") == 1
    said = capfd.readouterr().err
    assert said.count("this is no name that a student's folder can have; rename it") >= len(strange)
    assert "\x1b[2J" not in said
    assert grades(course, "ada")["check_double"] == (20, False)
    assert not {path.name for path in (course / "autograded").iterdir()} & set(strange)


def test_a_lock_that_another_program_holds_for_a_while_is_waited_for(
    course: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sqlite3

    import grader.gradebook.scores as scores

    lock = sqlite3.connect(course / "gradebook.db", isolation_level=None)
    lock.execute("BEGIN EXCLUSIVE")
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        if lock.in_transaction:
            lock.execute("ROLLBACK")

    monkeypatch.setattr(scores.time, "sleep", sleep)
    with closing(scores.Book(f"sqlite:///{course}/gradebook.db?timeout=0.1", "tiny")) as book:
        scores.reopen(scores.Place(book=book, assignment="hw1", student="zoe"))
    lock.close()
    assert waited == [scores.WAITS[0]]
    assert grades(course, "zoe")["check_double"] == (None, True)
