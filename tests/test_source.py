import ast
import textwrap

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nbformat import NotebookNode
from nbgrader.preprocessors import ClearSolutions

from grader.errors import SourceError
from grader.percent import notebook
from grader.problems import Problems
from grader.source import CODE_STUB, TEXT_STUB, is_marker, read, regions, solution_lines, solution_names, stub

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"


def names(text):
    with Problems() as problems:
        return solution_names(text, path="m.py", problems=problems)


def cell(text):
    return "# %%\n" + textwrap.dedent(text)


GOOD = cell(f"""\
    def f(x):
        \"\"\"Doc.\"\"\"
        {BEGIN}
        secret = x
        return secret
        {END}
    """)


def test_a_region_becomes_the_stub_with_the_indentation_of_its_begin():
    assert stub(GOOD, path="m.py") == cell("""\
        def f(x):
            \"\"\"Doc.\"\"\"
            # YOUR CODE HERE
            raise NotImplementedError()
        """)


def test_a_region_of_a_markdown_cell_becomes_the_text_stub():
    text = f"# %% [markdown]\n# Why?\n#\n# {BEGIN}\n# Because.\n# {END}\n"
    assert stub(text, path="m.py") == "# %% [markdown]\n# Why?\n#\n# YOUR ANSWER HERE\n"
    assert solution_lines(text, path="m.py") == ("Because.",)


def test_solution_lines_are_those_between_the_markers():
    assert solution_lines(GOOD, path="m.py") == ("secret = x", "return secret")


def test_markers_are_known_in_code_and_in_markdown():
    assert is_marker(f"    {BEGIN}")
    assert is_marker(f"# {END}")
    assert not is_marker(f"see `{BEGIN}`")


@pytest.mark.parametrize(
    ("body", "line", "message"),
    [
        (f"    {BEGIN}\n    x\n    {BEGIN}\n    {END}\n", 5, "BEGIN SOLUTION inside the region that line 3 begins"),
        (f"    {BEGIN}\n    x\n", 3, "BEGIN SOLUTION without an END SOLUTION in its cell"),
        (f"    {BEGIN}\n    x\n# %%\n    {END}\n", 3, "BEGIN SOLUTION without an END SOLUTION in its cell"),
        (f"    {BEGIN}\n    x\n# %%\n    {END}\n", 6, "END SOLUTION without a BEGIN SOLUTION in its cell"),
        (f"    {END}\n", 3, "END SOLUTION without a BEGIN SOLUTION in its cell"),
        (f"    {BEGIN} of f\n    x\n    {END}\n", 3, "a marker is `### BEGIN SOLUTION`"),
        (f"    return 1  {BEGIN}\n", 3, "a marker is `### BEGIN SOLUTION`"),
        (f"    # {BEGIN}\n    x\n    # {END}\n", 3, "a marker is `### BEGIN SOLUTION`"),
        ("    ## begin solution\n    x\n", 3, "a marker is `### BEGIN SOLUTION`"),
        ("    ###BEGIN SOLUTION\n    x\n", 3, "a marker is `### BEGIN SOLUTION`"),
        (f"    {BEGIN}\n    #\n    {END}\n", 3, "an empty solution region"),
        (
            f"    x = (\n    {BEGIN}\n    1)\n    {END}\n    y = 1\n",
            3,
            "without its solutions the file is no valid Python",
        ),
    ],
)
def test_a_malformed_region_is_told_with_its_line(body, line, message):
    with pytest.raises(SourceError) as caught:
        stub("# %%\ndef f():\n" + body, path="m.py")
    assert f"m.py:{line}: {message}" in str(caught.value)


def test_all_malformed_regions_are_told_at_once():
    with pytest.raises(SourceError) as caught:
        regions_of(f"# %%\n{END}\n\n# %%\n{END}\n")
    assert [line.split(":")[1] for line in str(caught.value).splitlines()] == ["2", "5"]


def regions_of(text):
    with Problems() as problems:
        return regions(text, path="m.py", problems=problems)


def test_solution_names_are_the_definitions_that_hold_a_region():
    region = f"        {BEGIN}\n        pass\n        {END}\n"
    methods = f"    def m(self):\n{region}\n    def n(self):\n{region}"
    text = f"{GOOD}\n# %%\nimport x\n\n# %%\n@decorated\nclass C:\n{methods}"
    assert names(text) == {"f": 2, "C": 14}


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (f"# %%\nx = 1\n{BEGIN}\ny = 2\n{END}\n", 3, "lies inside one function or class"),
        (f"# %%\nx = [\n    {BEGIN}\n    2,\n    {END}\n]\n", 3, "lies inside one function or class"),
        (f"# %%\n{BEGIN}\nx = 1\n{END}\n", 2, "lies inside one function or class"),
        (f"# %% [markdown]\n# {BEGIN}\n# x\n# {END}\n", 2, "lies inside one function or class"),
        (
            f"# %%\ndef f():\n    {BEGIN}\n    pass\n\ndef g():\n    pass\n    {END}\n",
            3,
            "lies inside one function or class",
        ),
        (
            f"# %%\ndef f():\n\n# %%\n    {BEGIN}\n    pass\n    {END}\n",
            5,
            "the solution of f is not in the cell that begins it",
        ),
        (GOOD + "\nx = 1\n", 9, "f needs a cell of its own"),
        (GOOD + "\n# %%\n@d\ndef f():\n    pass\n", 11, "f is already defined on line 2"),
        ("# %%\ndef f(:\n", 2, "not valid Python"),
        (f"# %%\ndef f():\n    {BEGIN}\n", 3, "BEGIN SOLUTION without an END SOLUTION"),
    ],
)
def test_a_region_without_a_definition_of_its_own_is_told_with_its_line(text, line, message):
    with pytest.raises(SourceError) as caught:
        names(text)
    assert message in str(caught.value)
    assert caught.value.line == line


def test_a_file_that_is_no_utf8_is_told_with_its_line(tmp_path):
    path = tmp_path / "m.py"
    path.write_bytes(b"# %%\n# \xff\n")
    with pytest.raises(SourceError, match=r"m\.py:2: not UTF-8"), Problems() as problems:
        read(path, problems)


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(SourceError, match=r"m\.py:1: cannot be read"), Problems() as problems:
        read(tmp_path / "m.py", problems)


def test_ends_of_lines_of_windows_are_read(tmp_path):
    path = tmp_path / "m.py"
    path.write_bytes(GOOD.replace("\n", "\r\n").encode())
    assert stub(read(path, Problems()), path=path) == stub(GOOD, path=path)


# Properties of all well-formed sources

unhurried = settings(deadline=None)  # the first example imports jupytext

statements = st.sampled_from(
    ["x = 1", "y = x + 1", "if x:\n    y = 2", "# a remark", "", 'z = "### BEGIN"', "return x"]
)
bodies = st.lists(statements, min_size=1, max_size=4).map("\n".join)


@st.composite
def region_of(draw, indent):
    inside = textwrap.indent(draw(bodies) + "\nhidden = 1", indent)
    return f"{indent}{BEGIN}\n{inside}\n{indent}{END}"


@st.composite
def functions(draw):
    parts = draw(
        st.lists(st.one_of(bodies.map(lambda body: textwrap.indent(body, "    ")), region_of("    ")), max_size=4)
    )
    return "\n".join(["# %%", f"def f{draw(st.integers(0, 99))}(x):", *parts, "    pass", ""])


@st.composite
def classes(draw):
    methods = [f"    def m{n}(self, x):\n{draw(region_of('        '))}" for n in range(draw(st.integers(1, 3)))]
    return "\n".join(["# %%", "class C:", *methods, ""])


@st.composite
def answers(draw):
    inside = "\n".join(
        "# " + line for line in draw(st.lists(st.sampled_from(["Because.", "- one", "  deep"]), min_size=1))
    )
    indent = draw(st.sampled_from(["", "  "]))
    return f"# %% [markdown]\n# A question?\n#\n# {indent}{BEGIN}\n{inside}\n# {indent}{END}\n# The end.\n"


sources = st.lists(
    st.one_of(
        functions(), classes(), answers(), st.sampled_from(["# %%\nimport math\n", "# %% [markdown]\n# # Title\n"])
    ),
    min_size=1,
    max_size=5,
).map("\n\n".join)


def contents(text):
    return [other.source for _, other in notebook(text, path="m.py")]


@unhurried
@given(text=sources)
def test_a_stub_is_cell_for_cell_what_nbgrader_makes(text):
    clear, expected = ClearSolutions(), []
    for mine, other in notebook(text, path="m.py"):
        mark = {"solution": True, "grade": mine.markdown}
        node = NotebookNode(cell_type=other.cell_type, source=other.source, metadata=NotebookNode(nbgrader=mark))
        clear._replace_solution_region(node, "python")
        expected.append(node.source)
    assert contents(stub(text, path="m.py")) == expected


@unhurried
@given(text=sources)
def test_a_stub_keeps_every_line_outside_and_none_inside(text):
    made = stub(text, path="m.py")
    ast.parse(made)
    assert "hidden = 1" not in made
    kept = [line for line in made.split("\n") if line.strip(" #") not in (*CODE_STUB, *TEXT_STUB, "YOUR CODE HERE")]
    lines = iter(text.split("\n"))
    assert all(line in lines for line in kept), "in the same order"
    assert len(text.split("\n")) - len(kept) == sum(1 + region.end - region.begin for region in regions_of(text))


@unhurried
@given(text=sources)
def test_a_stub_has_no_regions_and_is_its_own_stub(text):
    made = stub(text, path="m.py")
    assert regions_of(made) == ()
    assert solution_lines(made, path="m.py") == ()
    assert stub(made, path="m.py") == made


@unhurried
@given(
    text=st.lists(
        st.sampled_from([BEGIN, END, f"    {BEGIN}", f"    {END}", f"# {BEGIN}", f"# {END}", "# %%", "# %% [markdown]",
                         "def f():", "    return 1", "x = 1", "# text", "", "  # %%", '"""'])
    ).map("\n".join)
)  # fmt: skip
def test_any_text_gives_a_stub_that_is_python_or_an_error_with_a_line_of_it(text):
    try:
        ast.parse(stub(text, path="m.py"))
        names(text)
    except SourceError as error:
        lines = [int(line.split(":")[1]) for line in str(error).splitlines()]
        assert all(1 <= line <= len(text.split("\n")) for line in lines)
