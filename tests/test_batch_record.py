import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.batch.record import FORMAT, Mark, Record, from_line, to_line
from grader.batch.unit import Key
from grader.errors import BatchError
from grader.model import Check, CheckResult, Report, Status, Task

# Any text that Python can hold, lone surrogates of undecodable file names included.
texts = st.text(st.characters(codec=None), max_size=20)
numbers = st.floats(allow_nan=False, allow_infinity=False)
results = st.builds(
    CheckResult,
    check=st.builds(Check, name=texts, task=texts, weight=numbers, hidden=st.booleans()),
    status=st.sampled_from(Status),
    message=texts,
    hint=texts,
    seconds=numbers,
)


@st.composite
def records(draw):
    student = draw(texts)
    return Record(
        key=Key(student=student, version=draw(texts), submission=draw(texts)),
        report=Report(
            student=student,
            assignment=draw(texts),
            tasks=tuple(
                draw(st.lists(st.builds(Task, name=texts, points=numbers, covers=st.tuples(texts)), max_size=3))
            ),
            results=tuple(draw(st.lists(results, max_size=3))),
            notes=tuple(draw(st.lists(texts, max_size=2))),
            environment=draw(st.dictionaries(texts, texts, max_size=2)),
        ),
        seconds=draw(numbers),
        finished=draw(texts),
    )


@given(line=records() | st.builds(Mark, mark=st.sampled_from(["all", "changed", "end"]), assignment=texts, at=texts))
def test_what_is_written_is_read_again(line):
    data = to_line(line)
    assert data.count(b"\n") == 1
    assert data.isascii()
    assert from_line(data) == line


GOOD = Record(
    key=Key(student="ada", version="v", submission="s"),
    report=Report(
        student="ada",
        assignment="hw1",
        tasks=(Task(name="norm", points=30),),
        results=(CheckResult(check=Check(name="test_n", task="norm"), status=Status.PASSED),),
    ),
    seconds=1.5,
    finished="2026-01-01T00:00:00+00:00",
)


def changed(*path, to):
    """The good line as JSON, with something else at one place."""
    value = json.loads(to_line(GOOD))
    inner = value
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = to
    return json.dumps(value).encode()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "Expecting value"),
        (b"[]", "Expected `object`, got `array`"),
        (b"\xff\n", "can't decode"),
        (b"[" * 100_000, "recursion"),
        (changed("format", to=FORMAT + 1), f'and "format": {FORMAT}'),
        (changed("extra", to=1), "nothing more than the fields of its kind"),
        (
            changed("report", "tasks", 0, "covers", to=[1]),
            r"Expected `str`, got `int` - at `$.report.tasks[0].covers[0]`",
        ),
        (changed("report", "results", 0, "status", to="okay"), "Invalid enum value 'okay'"),
        (changed("report", "results", 0, "check", "weight", to="1"), "Expected `float`, got `str`"),
        (changed("seconds", to=float("nan")), "expected a number, got NaN"),
        (changed("key", "student", to="bob"), "its key and its report name different students"),
        (changed("report", "results", to=None), "Expected `array`, got `null`"),
        (json.dumps({"format": FORMAT, "mark": 1}).encode(), "Expected `"),
        (json.dumps({"format": FORMAT, "mark": "halt", "assignment": "hw1", "at": ""}).encode(), "Invalid enum value"),
    ],
)
def test_what_nobody_wrote_is_refused_and_says_why(data, said):
    with pytest.raises(BatchError, match="no result of ours: ") as error:
        from_line(data)
    assert said in str(error.value)


def test_only_what_was_measured_need_not_be_graded_again():
    (result,) = GOOD.report.results
    assert GOOD.measured
    for status in Status:
        report = Report(
            student="ada", assignment="hw1", tasks=(), results=(CheckResult(check=result.check, status=status),)
        )
        record = Record(key=GOOD.key, report=report, seconds=0.0, finished="")
        assert record.measured is (status is not Status.ERROR)
