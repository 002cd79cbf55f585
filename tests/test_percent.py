import pytest

from grader.errors import SourceError
from grader.percent import cells, notebook
from grader.problems import Problems


def read(text):
    with Problems() as problems:
        return cells(text, path="m.py", problems=problems)


def test_cells_know_their_lines_kind_and_metadata():
    first, second, third = read(
        '# %% [markdown]\n# Title\n\n# %% points=5 task="a" tags=["x", "y"]\npass\n# %% a title\n'
    )
    assert (first.line, first.last, first.markdown) == (1, 3, True)
    assert (second.line, second.last, second.markdown) == (4, 5, False)
    assert second.metadata == {"points": 5, "task": "a", "tags": ["x", "y"]}
    assert second.tags == ("x", "y")
    assert 5 in second
    assert 6 not in second
    assert third.metadata == {}
    assert third.tags == ()


def test_a_single_tag_may_stand_without_brackets():
    (cell,) = read('# %% tags="script-only"\n')
    assert cell.tags == ("script-only",)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("import x\n# %%\n", 1, "expected a cell header before this line"),
        ("\n\nx = 1\n", 3, "expected a cell header before this line"),
        ("# %%\ndef f():\n    # %%\n    pass\n", 3, "a cell header stands alone"),
        ("# %%%\n", 1, "a cell header stands alone"),
        ("#%%\n", 1, "a cell header stands alone"),
        ("# %% points=five\n", 1, "points=five: expected a Python literal"),
        ("# %% points = 5\n", 1, "cannot read 'points = 5'"),
        ('# %% task="a b\n', 1, "cannot read"),
        ("# %% [raw]\n", 1, "a cell is `# %%` or `# %% [markdown]`"),
        ("# %% [markdown]\n# fine\n#not\n", 3, "a line of a Markdown cell starts with `# `"),
        ('# %% [markdown]\n"""\ntext\n"""\n', 2, "a line of a Markdown cell starts with `# `"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line(text, line, message):
    with pytest.raises(SourceError, match=r"m\.py:") as caught:
        read(text)
    assert message in str(caught.value)
    assert caught.value.line == line


def test_jupytext_reads_the_same_cells():
    text = "# %% [markdown]\n# # Title\n#\n# text\n\n# %%\nx = 1\n\n\n# %%\n# %matplotlib inline\n# !ls\ny = 2\n"
    sources = [(cell.markdown, other.source) for cell, other in notebook(text, path="m.py")]
    assert sources == [(True, "# Title\n\ntext"), (False, "x = 1"), (False, "%matplotlib inline\n!ls\ny = 2")]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ('# %%\nx = """\n# %%\n"""\n', 1, "2 lines look like cell headers, but jupytext reads 1 cells"),
        ('# %%\nx = """\n# %%\n"""\n\n# %% [markdown]\n# text\n', 3, "jupytext reads this as a markdown cell"),
        ("# %%\nx = 1\n# cat and mouse\n", 3, "jupytext reads this line as 'cat and mouse'"),
        ("import x\n", 1, "expected a cell header before this line"),
    ],
)
def test_where_jupytext_reads_otherwise_is_told_with_its_line(text, line, message):
    with pytest.raises(SourceError) as caught:
        notebook(text, path="m.py")
    assert message in str(caught.value)
    assert caught.value.line == line
