from __future__ import annotations

import re

import pytest

from grader.gradebook.feedback import HINT, OPEN, check_outputs, literal, summary_cell
from grader.gradebook.markdown import safe_markdown2html
from grader.model import Check, CheckResult, Report, Status, Task

TASK = Task(name="softmax", points=6.0)
NASTY = "</pre><script>alert(1)</script> \x1b[31mred\x1b[0m \x07 $\\href{javascript:alert(1)}{x}$ \ud800"


def result(name: str, status: Status, message: str = "", *, hidden: bool = False) -> CheckResult:
    return CheckResult(check=Check(name=name, task="softmax", hidden=hidden), status=status, message=message)


def report(*results: CheckResult, notes: tuple[str, ...] = ()) -> Report:
    return Report(
        student="ada", assignment="hw1", tasks=(TASK,), results=results, notes=notes, environment={"isolation": "none"}
    )


def shown(*results: CheckResult) -> dict[str, str]:
    data: dict[str, str] = check_outputs(report(*results), TASK)[0].data
    return data


def test_public_checks_are_named_and_explained() -> None:
    data = shown(
        result("TestSoftmax::test_rows_sum_to_one", Status.PASSED),
        result("TestSoftmax::test_stable", Status.FAILED, "expected 1.0\ngot nan"),
    )
    assert data["text/plain"].splitlines() == [
        "softmax: 3 of 6 points",
        "  ✓ rows sum to one",
        "  ✗ stable (failed)",
        "      expected 1.0",
        "      got nan",
    ]
    assert "expected 1.0\ngot nan</pre>" in data["text/html"]


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.PASSED])
def test_of_hidden_checks_only_their_number_and_how_they_ended_is_said(status: Status) -> None:
    data = shown(
        result("test_a", Status.PASSED),
        result("test_secret_one", Status.PASSED, hidden=True),
        result("test_secret_two", status, "the secret input", hidden=True),
    )
    for text in data.values():
        assert "1 of 2 hidden checks passed (1 " in text
        assert "secret" not in text


def test_a_known_mistake_is_named_once_even_if_only_hidden_checks_show_it() -> None:
    hinted = [
        CheckResult(
            check=Check(name=name, task="softmax", hidden=True),
            status=Status.FAILED,
            message="secret",
            hint="Shift <b>",
        )
        for name in ("test_a", "test_b")
    ]
    data = shown(*hinted)
    assert data["text/plain"].count(f"{HINT} Shift <b>") == 1
    assert data["text/html"].count("Shift &lt;b&gt;") == 1
    assert all("secret" not in text for text in data.values())


def test_a_message_is_told_once_in_a_cell() -> None:
    data = shown(*(result(f"test_{name}", Status.FAILED, "the file is empty") for name in "abc"))
    for text in data.values():
        assert text.count("the file is empty") == 1
        assert text.count("failed") == 3


def test_whatever_a_message_holds_is_text() -> None:
    data = shown(result("test_<b>", Status.FAILED, NASTY))
    assert set(re.findall(r"<(\w+)", data["text/html"])) <= {"div", "p", "b", "table", "tr", "td", "span", "pre"}
    for text in data.values():
        assert "\x1b" not in text
        assert "\x07" not in text
        text.encode("utf-8")
    assert "[31m" not in data["text/plain"]


def test_an_open_task_has_no_score_and_says_that_it_is_open() -> None:
    outputs = check_outputs(report(result("test_a", Status.ERROR, "the disk is full")), TASK)
    assert [output.output_type for output in outputs] == ["display_data"]
    assert "softmax: ? of 6 points" in outputs[0].data["text/plain"]
    assert all(OPEN in text for text in outputs[0].data.values())
    assert OPEN.split(",")[0] in summary(report(result("test_a", Status.ERROR)))


def summary(report: Report, *notes: str) -> str:
    return safe_markdown2html({}, summary_cell(report, notes=notes).source)


def test_the_first_cell_says_what_was_graded_and_how_it_was_read() -> None:
    page = summary(report(result("test_a", Status.PASSED), notes=("read from my_file_(1).py",)), "a copied cell")
    assert "hw1: 6 of 6 automatic points" in page
    assert "read from my_file_(1).py" in page
    assert "a copied cell" in page
    assert "isolation: none" in page


@pytest.mark.parametrize(
    "text", ["**b** _i_ `c` [x](javascript:alert(1))", "<script>alert(1)</script>", "# h", "$a$ | x"]
)
def test_a_note_is_shown_as_it_stands(text: str) -> None:
    page = safe_markdown2html({}, literal(text))
    assert re.findall(r"<(?!/?p>)", page) == []
    assert "".join(re.findall(r">([^<]*)<", page)).replace("&lt;", "<").replace("&gt;", ">").strip() == text
