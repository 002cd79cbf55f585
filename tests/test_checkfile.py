import pytest

from grader.checkfile import CheckFile
from grader.errors import SourceError
from grader.problems import Problems


def read(tmp_path, text):
    path = tmp_path / "test_m.py"
    path.write_text(text)
    with Problems() as problems:
        file = CheckFile(path, problems)
        file.read()
    return file


def test_marks_of_a_class_hold_for_its_methods_until_they_have_their_own(tmp_path):
    text = """
import pytest
from pytest import mark

@pytest.mark.task("a", points=2, covers=("b", "c"))
@pytest.mark.weight(3)
class TestA:
    limit = 3
    def helper(self): ...
    def test_one(self, hw): ...
    @pytest.mark.weight(0.5)
    def test_two(self, hw): ...
    class TestInner:
        @mark.task("d")
        def test_three(self, hw): ...

@pytest.fixture
def thing(): ...

@pytest.mark.task("e", points=1.5)
@pytest.mark.parametrize("x", [1, 2])
def test_four(hw, x): ...
"""
    file = read(tmp_path, text)
    assert [(mark.name, mark.points, mark.covers) for mark in file.marks] == [
        ("a", 2.0, ("b", "c")),
        ("d", None, ()),
        ("e", 1.5, ()),
    ]
    assert [(test.name, test.mark.name, test.weight) for test in file.tests] == [
        ("TestA::test_one", "a", 3.0),
        ("TestA::test_two", "a", 0.5),
        ("TestA::TestInner::test_three", "d", 3.0),
        ("test_four", "e", 1.0),
    ]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("def test_x(hw): ...", 1, "check test_x belongs to no task"),
        ("class TestX:\n    def test_x(self, hw): ...", 2, "check TestX::test_x belongs to no task"),
        ("@pytest.mark.task('a')\nclass TestX:\n    def check(self, hw): ...", 1, "task 'a' has no check here"),
        ("if True:\n    def test_x(hw): ...", 2, "test_x: a check is a plain function"),
        ("async def test_x(hw): ...", 1, "test_x: a check is a plain function"),
        ("@pytest.mark.task('a')\nclass Softmax:\n    def test_x(self, hw): ...", 2, "Softmax has marks of a check"),
        ("@pytest.mark.weight(2)\ndef check(hw): ...", 2, "check has marks of a check"),
        ("@pytest.mark.task('a')\nclass TestX(Base):\n    def test_x(self): ...", 2, "a test class has no base class"),
        ("@pytest.mark.task\ndef test_x(hw): ...", 1, "@pytest.mark.task needs arguments"),
        ("@pytest.mark.task()\ndef test_x(hw): ...", 1, "with one name"),
        ("@pytest.mark.task('a', 5)\ndef test_x(hw): ...", 1, "with one name"),
        ("@pytest.mark.task('no name')\ndef test_x(hw): ...", 1, "with one name"),
        ("@pytest.mark.task(NAME)\ndef test_x(hw): ...", 1, "@pytest.mark.task: only literals"),
        ("@pytest.mark.task('a', point=5)\ndef test_x(hw): ...", 1, "@pytest.mark.task takes no point"),
        ("@pytest.mark.task('a', **more)\ndef test_x(hw): ...", 1, "@pytest.mark.task takes no None"),
        ("@pytest.mark.task('a', points=0)\ndef test_x(hw): ...", 1, "points: expected a number above 0, found 0"),
        (
            "@pytest.mark.task('a', points=True)\ndef test_x(hw): ...",
            1,
            "points: expected a number above 0, found True",
        ),
        (
            "@pytest.mark.task('a', points=1e999)\ndef test_x(hw): ...",
            1,
            "points: expected a number above 0, found inf",
        ),
        ("@pytest.mark.task('a', covers='b')\ndef test_x(hw): ...", 1, "covers: expected a tuple of names, found 'b'"),
        ("@pytest.mark.task('a', covers=())\ndef test_x(hw): ...", 1, "covers: expected a tuple of names, found ()"),
        ("@pytest.mark.task('a')\n@pytest.mark.task('b')\ndef test_x(hw): ...", 2, "two marks 'task' on test_x"),
        (
            "@pytest.mark.task('a')\n@pytest.mark.weight(0)\ndef test_x(hw): ...",
            2,
            "mark.weight(2) with one number above 0",
        ),
        (
            "@pytest.mark.task('a')\n@pytest.mark.weight()\ndef test_x(hw): ...",
            2,
            "mark.weight(2) with one number above 0",
        ),
        ("def test_x(:", 1, "not valid Python"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line(tmp_path, text, line, message):
    with pytest.raises(SourceError) as caught:
        read(tmp_path, text)
    assert f"test_m.py:{line}: " in str(caught.value)
    assert message in str(caught.value)


def test_all_problems_of_a_file_are_told_at_once(tmp_path):
    with pytest.raises(SourceError) as caught:
        read(tmp_path, "def test_x(hw): ...\ndef test_y(hw): ...")
    assert len(str(caught.value).splitlines()) == 2
