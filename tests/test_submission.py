import json
import os

import pytest

from grader import submission
from grader.assignment import load_assignment
from grader.errors import SubmissionError
from grader.submission import find, read_cells, read_submission, started
from tests.course import make_course
from tests.zips import made

STUB = "def norm(v):\n    # YOUR CODE HERE\n    raise NotImplementedError()"
DONE = "def norm(v):\n    return 1"


def cell(source, grade_id=None, *, solution=True, grade=False, kind="code", tags=()):
    metadata = {"tags": list(tags)}
    if grade_id is not None:
        metadata["nbgrader"] = {"grade_id": grade_id, "solution": solution, "grade": grade}
    return {"cell_type": kind, "metadata": metadata, "source": source}


def notebook(path, *cells):
    path.write_text(json.dumps({"cells": list(cells), "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    return path


def sources(path):
    return [cell.source for cell in read_cells(path)]


# Which file


def test_a_file_is_taken_whatever_its_name(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(DONE)
    assert find(path, "vectors") == (path, ())


@pytest.mark.parametrize("ending", [".py", ".ipynb"])
def test_in_a_folder_the_modules_own_name_is_taken(tmp_path, ending):
    for name in (f"vectors{ending}", "other.py", "other.ipynb"):
        (tmp_path / name).write_text(DONE)
    assert find(tmp_path, "vectors") == (tmp_path / f"vectors{ending}", ())


@pytest.mark.parametrize(
    ("in_notebook", "in_module", "taken", "note"),
    [
        (DONE, DONE, "vectors.ipynb", "where there are both, the notebook counts"),
        (DONE, STUB, "vectors.ipynb", "where there are both, the notebook counts"),
        (STUB, STUB, "vectors.ipynb", "where there are both, the notebook counts"),
        (STUB, DONE, "vectors.py", "nothing was written in the notebook beside it"),
        ("def norm(v:", STUB, "vectors.ipynb", "where there are both, the notebook counts"),
        (None, DONE, "vectors.py", "the notebook cannot be read: vectors.ipynb is empty."),
    ],
)
def test_with_both_the_notebook_counts_unless_only_the_module_was_worked_on(
    tmp_path, in_notebook, in_module, taken, note
):
    notebook(tmp_path / "vectors.ipynb", cell(in_notebook or "", "norm"))
    if in_notebook is None:
        (tmp_path / "vectors.ipynb").write_text(" ")
    (tmp_path / "vectors.py").write_text(in_module)
    path, (said,) = find(tmp_path, "vectors")
    assert path.name == taken
    assert note in said


@pytest.mark.parametrize(
    ("names", "taken"),
    [
        (["mine.py"], "mine.py"),
        (["mine.ipynb", "helper.py", "more.py"], "mine.ipynb"),
        (["mine.py", "test_vectors.py", "experiments.py", ".hidden.py", "notes.txt", "conftest.py"], "mine.py"),
        (["vectors (1).py", "a.ipynb", "b.ipynb"], "vectors (1).py"),
    ],
)
def test_a_single_file_of_another_name_is_taken_and_said_so(tmp_path, names, taken):
    for name in names:
        (tmp_path / name).write_text(DONE)
    path, (said,) = find(tmp_path, "vectors")
    assert path.name == taken
    assert said.startswith(f"{taken} was taken for vectors.")


@pytest.mark.parametrize(
    ("names", "held"), [([], "nothing that can be graded"), (["a.py", "b.py", "test_x.py"], "a.py, b.py")]
)
def test_a_folder_with_no_or_several_candidates_says_what_it_holds(tmp_path, names, held):
    for name in names:
        (tmp_path / name).write_text(DONE)
    with pytest.raises(SubmissionError, match=rf"Neither vectors.ipynb nor vectors.py .*\(found: {held}\)"):
        find(tmp_path, "vectors")


def test_a_file_that_is_not_there_is_said_so(tmp_path):
    with pytest.raises(SubmissionError, match=r"There is no file .*nowhere\.py"):
        find(tmp_path / "nowhere.py", "vectors")


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="needs symbolic links")
def test_a_link_is_refused_because_it_may_lead_anywhere(tmp_path):
    (tmp_path / "secret.txt").write_text(DONE)
    folder = tmp_path / "handed_in"
    folder.mkdir()
    (folder / "vectors.py").symlink_to(tmp_path / "secret.txt")
    with pytest.raises(SubmissionError, match="nothing that can be graded"):
        find(folder, "vectors")
    with pytest.raises(SubmissionError, match="There is no file"):
        find(folder / "vectors.py", "vectors")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_that_never_ends_is_refused(tmp_path):
    os.mkfifo(tmp_path / "vectors.py")
    with pytest.raises(SubmissionError, match="nothing that can be graded"):
        find(tmp_path, "vectors")


# What cannot be read


@pytest.mark.parametrize("ending", [".py", ".ipynb"])
@pytest.mark.parametrize("content", [b"", b" \n\n", b"\xef\xbb\xbf\n"])
def test_an_empty_file_is_said_to_be_empty(tmp_path, ending, content):
    path = tmp_path / f"vectors{ending}"
    path.write_bytes(content)
    with pytest.raises(SubmissionError, match=rf"vectors\{ending} is empty\."):
        read_cells(path)


def test_a_file_that_is_not_utf_8_is_told_with_its_line(tmp_path):
    path = tmp_path / "vectors.py"
    path.write_bytes("x = 1\ny = 'ü'\n".encode("latin-1"))
    with pytest.raises(SubmissionError, match=r"vectors\.py is not UTF-8 \(byte 0xfc in line 2\)\. Save it as UTF-8"):
        read_cells(path)


def test_a_byte_order_mark_does_no_harm(tmp_path):
    path = tmp_path / "vectors.py"
    path.write_bytes(b"\xef\xbb\xbfx = 1\n")
    assert sources(path) == ["x = 1\n"]


@pytest.mark.parametrize(("name", "limit"), [("vectors.py", "CODE_BYTES"), ("vectors.ipynb", "FILE_BYTES")])
def test_a_file_that_is_too_large_is_refused_unread(tmp_path, monkeypatch, name, limit):
    monkeypatch.setattr(submission, limit, 2_000_000)
    path = tmp_path / name
    path.write_bytes(b"#" * 2_000_001)
    with pytest.raises(SubmissionError, match=rf"{name} is larger than 2 MB\."):
        read_cells(path)


@pytest.mark.parametrize("text", ["{", "not json", "[" * 100_000])
def test_broken_json_is_no_notebook(tmp_path, text):
    path = tmp_path / "vectors.ipynb"
    path.write_text(text)
    with pytest.raises(SubmissionError, match=r"vectors\.ipynb is no notebook .* Open it in Jupyter, save it"):
        read_cells(path)


@pytest.mark.parametrize("text", ["[]", "3", "{}", '{"cells": {}}', '{"cells": []}', '{"cells": [1, null]}'])
def test_json_that_is_something_else_is_a_notebook_without_cells(tmp_path, text):
    path = tmp_path / "vectors.ipynb"
    path.write_text(text)
    with pytest.raises(SubmissionError, match=r"vectors\.ipynb is a notebook without cells\."):
        read_cells(path)


def test_cells_of_wrong_types_are_passed_over(tmp_path):
    odd = [
        {"cell_type": "code", "metadata": {"nbgrader": 3, "tags": "x"}, "source": 7},
        {"cell_type": "code", "metadata": None, "source": ["x = ", 3, "1"]},
        {"cell_type": "code", "metadata": {"nbgrader": {"grade_id": ["norm"], "solution": True}}, "source": "y = 2"},
        "text",
        {},
    ]
    assert sources(notebook(tmp_path / "vectors.ipynb", *odd)) == ["x = 1", "y = 2"]


# What is made to break the reader


def code(tmp_path, data, ending=".py"):
    """The source of what was read."""
    path = tmp_path / f"vectors{ending}"
    path.write_bytes(data)
    return "\n".join(sources(path))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"x = 1\0", "is no text: it holds NUL characters"),
        ("x = 1".encode("utf-16"), r"is not UTF-8 \(byte 0xff in line 1\)"),
        ("x = 1".encode("utf-16-le"), "is no text: it holds NUL characters"),
        (b"# -*- coding: latin-1 -*-\nx = '\xfc'", r"is not UTF-8 \(byte 0xfc in line 2\)"),
        (b"x = '\xed\xa0\x80'", r"is not UTF-8 \(byte 0xed in line 1\)"),
        (b"#" * 200_001, "is larger than 200 kB"),
    ],
)
def test_what_is_no_text_of_python_is_refused(tmp_path, data, said):
    with pytest.raises(SubmissionError, match=rf"vectors\.py {said}"):
        code(tmp_path, data)


def test_lines_are_counted_as_python_counts_them(tmp_path):
    """Form feeds and Unicode's separators end no line of Python, lone carriage returns do."""
    source = "x = 1\r\ny = 2\rdef f():\n\fz = '\u2028\x1c\x85'\n"
    assert code(tmp_path, source.encode()) == source.replace("\r\n", "\n").replace("\r", "\n")
    added = "import math\r'\x0c\u2028'\rdef f():\r    return 1\rprint(1)"
    path = notebook(tmp_path / "vectors.ipynb", cell(added))
    assert sources(path) == ["import math\n\ndef f():\n    return 1\n"]


@pytest.mark.parametrize("number", ["1" * 5_000, "-" + "9" * 5_000])
def test_a_number_of_thousands_of_digits_is_no_json(tmp_path, number):
    with pytest.raises(SubmissionError, match="its JSON is broken"):
        code(tmp_path, b'{"cells": [{"execution_count": %s}]}' % number.encode(), ".ipynb")


@pytest.mark.parametrize(
    "data",
    [
        '{"cells": [{"cell_type": "code", "source": "x = 1", "n": NaN, "m": [Infinity, -Infinity, 1e999]}]}',
        '{"nbformat": "x", "nbformat_minor": {}, "metadata": 3, "cells": [{"cell_type": "code", "source": "x = 1"}]}',
        '{"nbformat": 5, "cells": [null, 3, [], {"cell_type": "code", "source": ["x =", null, {}, " 1"]}]}',
        '{"cells": [], "cells": [{"cell_type": "code", "source": "y", "source": "x = 1"}]}',
        '\ufeff{"cells": [{"cell_type": "code", "source": "x = 1"}, {"cell_type": "widget", "source": "y"}]}',
        '{"cells": [{"cell_type": "code", "source": "x = 1"}, {"cell_type": ["code"], "source": "y"}]}',
    ],
)
def test_an_odd_notebook_is_read_for_its_code(tmp_path, data):
    assert code(tmp_path, data.encode(), ".ipynb") == "x = 1"


@pytest.mark.parametrize(
    "data",
    [
        {"worksheets": [{"cells": [{"cell_type": "code", "input": "x = 1"}]}], "nbformat": 3},
        {"worksheets": [], "nbformat": 2},
        {"cells": {"0": {"cell_type": "code", "source": "x"}}},
    ],
)
def test_a_notebook_of_an_old_format_has_no_cells(tmp_path, data):
    with pytest.raises(SubmissionError, match="is a notebook without cells"):
        code(tmp_path, json.dumps(data).encode(), ".ipynb")


def test_half_characters_and_nuls_are_replaced_before_anything_is_hashed_written_or_sent(tmp_path):
    assignment = load_assignment(make_course(tmp_path / "course"), "hw1")
    data = r'{"cells": [{"cell_type": "code", "source": "x = \"a\ud800b\u0000c\ud83d\ude00\""}]}'
    path = tmp_path / "vectors.ipynb"
    path.write_text(data)
    read = read_submission(path, assignment)
    assert read.modules["vectors"][0].source == 'x = "a�b�c😀"'
    assert len(read.digest.encode()) == 64


def test_a_cell_of_any_name_has_a_name_that_can_be_shown(tmp_path):
    mark = {"grade_id": "\udfff\x1b[2J\u202e", "solution": 1}
    path = notebook(tmp_path / "vectors.ipynb", {"cell_type": "code", "source": "x", "metadata": {"nbgrader": mark}})
    assert [cell.filename for cell in read_cells(path)] == ["cell ��[2J�"]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b'{"cells": [' + b"[]," * 400_000 + b"{}]}", "holds too much to be a notebook"),
        (b'{"cells": [{"a": [' + b"1," * 1_000_001 + b"1]}]}", "holds too much to be a notebook"),
        (b'{"cells": [' + b"{}," * 2_000 + b"{}]}", "has 2001 cells; at most 2000 are read"),
        (b'{"cells": ' + b"[" * 100_000, "its JSON is broken"),
        (b'{"a":' * 100_000, "its JSON is broken"),
        (b'{"cells": [{"cell_type": "code", "source": "%s"}]}' % (b"x" * 200_001), "more than 200,000 characters"),
    ],
    ids=["lists", "numbers", "cells", "deep lists", "deep objects", "code"],
)
def test_a_notebook_of_too_much_is_refused_before_it_costs_much(tmp_path, data, said):
    with pytest.raises(SubmissionError, match=said):
        code(tmp_path, data, ".ipynb")


def test_pictures_and_prose_do_not_count_as_code(tmp_path):
    drawn = cell("x = 1", "norm") | {"outputs": [{"data": {"image/png": "A" * 1_000_000}}]}
    assert sources(notebook(tmp_path / "vectors.ipynb", drawn, cell("y" * 300_000, kind="markdown"))) == ["x = 1"]


BOMBS = {
    "parentheses": "(" * 40_000 + ")" * 40_000,
    "brackets": "[" * 90_000,
    "unary minus": "-" * 90_000 + "1",
    "not": "not " * 20_000 + "1",
    "sum": "1" + "+1" * 45_000,
    "power": "1" + "**1" * 30_000,
    "attributes": "a" + ".b" * 45_000,
    "calls": "a" + "()" * 45_000,
    "lambda": "lambda:" * 12_000 + "1",
    "conditions": "1 if 1 else " * 8_000 + "1",
    "import": "import a" + ".a" * 45_000,
    "continued import": "import a" + ".\\\na" * 20_000,
    "blocks": "".join(" " * depth + "if 1:\n" for depth in range(300)) + " " * 300 + "pass",
    "elif": "if 1: pass\n" + "elif 1: pass\n" * 7_000,
    "f-string": 'x = f"{' + "(" * 250 + "1" + ")" * 250 + '}"',
    "number": "x = " + "9" * 10_000,
    "raise": "def f():\n    raise " + "-" * 2_500 + "NotImplementedError()",
    "escapes": "x = '\\d\\q\\\x1b[2J",
    "unclosed": '"""' + "x" * 90_000,
    "tabs": "if 1:\n\tx\n        y\n",
}


@pytest.mark.parametrize("source", BOMBS.values(), ids=BOMBS)
def test_no_source_brings_down_the_process_that_reads_it(tmp_path, source):
    """Submitted code is parsed, in the trusted process, to tell definitions from experiments and work from stubs."""
    path = notebook(tmp_path / "vectors.ipynb", cell(source), cell(source, "norm"), cell("def f(): return 1", "f"))
    read = read_cells(path)
    assert "def f(): return 1" in [cell.source for cell in read]
    assert started(read) >= 1


# Zips and folders


def test_a_zip_is_read_as_the_folder_in_it(tmp_path):
    assignment = load_assignment(make_course(tmp_path / "course"), "hw1")
    (tmp_path / "ada").mkdir()
    (tmp_path / "ada" / "hw1.zip").write_bytes(made(("hw1/vectors.py", DONE), ("hw1/notes.txt", "x")))
    read = read_submission(tmp_path / "ada", assignment)
    assert read.modules["vectors"][0].source == DONE
    assert read.notes == ("hw1.zip was opened; files outside of it were left aside.",)
    assert read_submission(tmp_path / "ada" / "hw1.zip", assignment).modules == read.modules


def test_a_folder_called_as_the_notebook_is_none(tmp_path):
    (tmp_path / "vectors.ipynb").mkdir()
    with pytest.raises(SubmissionError, match="nothing that can be graded"):
        find(tmp_path, "vectors")


def test_of_names_that_differ_by_case_only_the_given_one_is_taken(tmp_path):
    for name in ("Vectors.py", "VECTORS.py", "vectors.py"):
        (tmp_path / name).write_text(DONE)
    assert find(tmp_path, "vectors")[0].name == "vectors.py"
    (tmp_path / "vectors.py").unlink()
    with pytest.raises(SubmissionError, match=r"found: VECTORS\.py, Vectors\.py"):
        find(tmp_path, "vectors")


def test_a_folder_that_is_a_link_is_no_submission(tmp_path):
    assignment = load_assignment(make_course(tmp_path / "course"), "hw1")
    (tmp_path / "eve").symlink_to(assignment.solution_dir)
    with pytest.raises(SubmissionError, match="eve is a link to another place"):
        read_submission(tmp_path / "eve", assignment)


# What counts of a notebook


def test_solution_cells_and_given_code_count_in_their_order(tmp_path):
    path = notebook(
        tmp_path / "vectors.ipynb",
        cell("from grader import check", "setup", solution=False),
        cell("# Vectors", kind="markdown"),
        cell("import math", "imports", solution=False),
        cell(DONE, "norm"),
        cell('check("norm")', "check_norm", solution=False, grade=True),
        cell("  ", "empty"),
        cell("1 / 0", "plot", tags=["experiment"]),
    )
    assert [(cell.filename, cell.source) for cell in read_cells(path)] == [
        ("cell 3", "import math"),
        ("cell norm", DONE),
    ]


def test_of_added_cells_only_definitions_count_each_on_its_own_line(tmp_path):
    added = (
        "import math\nprint('experiment')\n\n@staticmethod\ndef helper():\n    return 1\n\nX = 3\nY = helper()\n"
        "Z: int = 4\nfor _ in range(3):\n    pass\nclass A:\n    pass\ndel X"
    )
    (kept,) = sources(notebook(tmp_path / "vectors.ipynb", cell(added)))
    assert kept == (
        "import math\n\n\n@staticmethod\ndef helper():\n    return 1\n\nX = 3\n\nZ: int = 4\n\n\nclass A:\n    pass\n"
    )


def test_an_added_cell_that_only_experiments_is_left_out(tmp_path):
    path = notebook(tmp_path / "vectors.ipynb", cell(DONE, "norm"), cell("print(norm([1]))\nnorm([2])"))
    assert sources(path) == [DONE]


def test_an_added_cell_with_a_syntax_error_stays_for_the_student_to_see(tmp_path):
    assert sources(notebook(tmp_path / "vectors.ipynb", cell("def helper(:"))) == ["def helper(:"]


def test_magics_become_comments_and_line_numbers_stay(tmp_path):
    source = "%matplotlib inline\n!pip install x\nx = 1\n  %time y = 2"
    path = notebook(tmp_path / "vectors.ipynb", cell(source, "norm"), cell("%load_ext x\nz = 3"))
    assert sources(path) == ["# %matplotlib inline\n# !pip install x\nx = 1\n# %time y = 2", "\nz = 3"]


@pytest.mark.parametrize(
    ("copies", "counts"),
    [
        ([STUB, DONE], 1),
        ([DONE, STUB], 0),
        ([DONE, DONE + "  # again"], 1),
        ([DONE, DONE + "  # again", STUB], 1),
        ([STUB, STUB + "  # again"], 1),
        ([DONE, ""], 0),
        ([STUB, "def norm(v:"], 1),
    ],
)
def test_of_a_copied_solution_cell_the_last_that_was_worked_on_counts(tmp_path, copies, counts):
    path = notebook(tmp_path / "vectors.ipynb", *(cell(copy, "norm") for copy in copies))
    assert sources(path) == [copies[counts]]


def test_a_copy_keeps_its_own_place(tmp_path):
    path = notebook(tmp_path / "vectors.ipynb", cell(STUB, "norm"), cell("x = 1"), cell(DONE, "norm"))
    assert sources(path) == ["x = 1", DONE]


# How much was written


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (STUB, 0),
        ("def f():\n    raise NotImplementedError", 0),
        (DONE, 1),
        ("class A:\n    def f(self):\n        raise NotImplementedError()\n    def g(self): return 1", 1),
        ("def f():\n    raise", 1),
        ("def f(", 1),
        ("x = 3", 0),
    ],
)
def test_functions_that_are_more_than_a_stub_are_counted(tmp_path, source, expected):
    path = tmp_path / "vectors.py"
    path.write_text(source)
    assert started(read_cells(path)) == expected


# The whole


def test_a_notebook_and_a_module_of_the_same_functions_hold_the_same_code(tmp_path):
    assignment = load_assignment(make_course(tmp_path / "course"), "hw1")
    (tmp_path / "vectors.py").write_text(DONE)
    path = notebook(tmp_path / "other.ipynb", cell(DONE, "norm"))
    one = read_submission(tmp_path / "vectors.py", assignment, "ada")
    other = read_submission(path, assignment, "ada")
    assert (one.student, one.assignment) == ("ada", "hw1")
    assert [cell.source for cell in one.modules["vectors"]] == [cell.source for cell in other.modules["vectors"]]


def test_what_was_taken_for_the_module_is_noted(tmp_path):
    assignment = load_assignment(make_course(tmp_path / "course"), "hw1")
    folder = tmp_path / "ada"
    folder.mkdir()
    (folder / "mine.py").write_text(DONE)
    assert read_submission(folder, assignment).notes == (
        "mine.py was taken for vectors.py. Please keep the name that was given.",
    )
