import inspect

import pytest

from grader import errors


def classes():
    return {
        name: kind
        for name, kind in vars(errors).items()
        if inspect.isclass(kind) and kind.__module__ == errors.__name__
    }


def test_the_tree_in_the_docstring_is_the_tree():
    drawn = {line.split()[0].lstrip("├└─").partition("(")[0] for line in errors.__doc__.split("\n") if line.strip()}
    named = {name for name in classes() if f"{name}" in errors.__doc__}
    assert named == set(classes())
    assert named & drawn


def test_what_a_person_can_mend_is_a_grader_error():
    for name in ("SourceError", "CourseError", "SubmissionError", "WireError"):
        assert issubclass(classes()[name], errors.GraderError)


@pytest.mark.parametrize(
    "kind", [errors.SubmissionGone, errors.SubmissionCrashed, errors.SubmissionTimeout, errors.NotStarted]
)
def test_verdicts_are_no_exceptions_so_that_hypothesis_ends_the_check_at_once(kind):
    assert not issubclass(kind, Exception)


def test_a_source_error_says_where():
    error = errors.SourceError("a region has no end", path="hw1/vectors.py", line=7)
    assert str(error) == "hw1/vectors.py:7: a region has no end"
    assert (error.path, error.line) == ("hw1/vectors.py", 7)
