import pytest

from grader.errors import SourceError
from grader.problems import Problems


def test_all_problems_are_raised_as_one_error_that_points_at_the_first():
    problems = Problems()
    problems.add("first", path="a.py", line=1)
    problems.add("second", path="b.py", line=2)
    problems.add("second", path="b.py", line=2)
    with pytest.raises(SourceError) as caught, problems:
        pass
    assert str(caught.value) == "a.py:1: first\nb.py:2: second"
    assert (caught.value.path, caught.value.line) == ("a.py", 1)


def test_without_problems_nothing_is_raised():
    with Problems() as problems:
        problems.update(Problems())
    assert not problems


def test_another_exception_passes_through():
    problems = Problems()
    problems.add("first", path="a.py", line=1)
    with pytest.raises(ZeroDivisionError), problems:
        raise ZeroDivisionError
