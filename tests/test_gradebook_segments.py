from __future__ import annotations

from grader.gradebook.segments import definitions

MODULE = '''"""What it is for."""
import math

# Why it is so:
# for two reasons.
@cache
def softmax(s):
    """Rows."""
    return s


LIMIT = 3


class Model:
    x = 1

# %%
def helper(): ...
'''


def test_a_definition_comes_with_its_decorators_and_the_comment_above() -> None:
    named, _ = definitions(MODULE, ["softmax", "Model"])
    assert named["softmax"].startswith("# Why it is so:\n# for two reasons.\n@cache\ndef softmax(s):")
    assert named["softmax"].endswith("return s")
    assert named["Model"] == "class Model:\n    x = 1"


def test_a_comment_at_the_end_of_a_body_belongs_to_it() -> None:
    named, _ = definitions("def f():\n    return 1\n    # done\n# not this\n", ["f"])
    assert named == {"f": "def f():\n    return 1\n    # done"}


def test_the_rest_is_all_other_statements() -> None:
    _, rest = definitions(MODULE, ["softmax", "Model"])
    assert rest == '"""What it is for."""\nimport math\nLIMIT = 3\ndef helper(): ...'


def test_of_two_definitions_the_last_counts_as_it_does_for_python() -> None:
    assert definitions("def f(): return 1\ndef f(): return 2\n", ["f"])[0] == {"f": "def f(): return 2"}


def test_a_source_that_does_not_parse_is_all_rest() -> None:
    for source in ("def f(:\n", "x = '\x00'", "(" * 5000):
        assert definitions(source, ["f"]) == ({}, source)


def test_lines_are_counted_as_python_counts_them() -> None:
    """A form feed ends no line of Python: what is shown is what was graded."""
    source = "x = '\f\u2028'\n\f\ndef softmax(s):\n    return s\n"
    named, _ = definitions(source, ["softmax"])
    assert named == {"softmax": "def softmax(s):\n    return s"}


def test_a_source_made_to_exhaust_the_parser_has_no_parts() -> None:
    source = "import a" + ".a" * 50_000
    assert definitions(source, ["softmax"]) == ({}, source)
