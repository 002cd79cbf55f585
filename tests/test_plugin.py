import json
import re
import time

import pytest

from tests.desk import CHECKS, REFERENCE, STUB, Row, fill, table


@pytest.fixture(autouse=True)
def _quick(pytester, monkeypatch):
    """Without the collection of garbage at the end of each run."""
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:unraisableexception")


def only(body, marks=""):
    """A check file with one check."""
    return f'import pytest\n\n\n@pytest.mark.task("double", points=6)\n{marks}def test_it(hw):\n    {body}\n'


def both_ways(pytester, module, checks=CHECKS):
    """The table of a run in process and of one with the submission in a process of its own."""
    fill(pytester, module, checks)
    return table(pytester.runpytest()), table(pytester.runpytest("--isolate"))


# What a run tells


def test_a_stub_earns_nothing_and_every_task_is_not_started(pytester):
    fill(pytester, STUB)
    result = pytester.runpytest()
    assert table(result) == {
        "double": Row("0", "6", "0 of 2", "not started: write double"),
        "tally": Row("0", "4", "0 of 1", "not started: write tally and Counter"),
        "total": Row("0", "10", "", ""),
    }
    result.stdout.fnmatch_lines(["*3 not started in*"])
    result.stdout.no_fnmatch_line("*FAILURES*")
    assert result.ret == pytest.ExitCode.OK


def test_the_reference_earns_full_marks(pytester):
    fill(pytester, REFERENCE)
    result = pytester.runpytest()
    assert table(result)["double"] == Row("6", "6", "2 of 2", "")
    assert table(result)["total"] == Row("10", "10", "", "")
    result.stdout.fnmatch_lines(["These are the public checks.*hidden checks share the same points."])
    assert result.ret == pytest.ExitCode.OK


def test_the_table_is_the_last_thing_before_the_count(pytester):
    fill(pytester, REFERENCE.replace("2 * x", "3 * x"))
    result = pytester.runpytest()
    result.stdout.fnmatch_lines(["*short test summary info*", "*= your work =*", "*1 failed, 2 passed*"])


def test_weights_give_partial_credit(pytester):
    fill(pytester, REFERENCE.replace("2 * x", "3 * x"))
    result = pytester.runpytest()
    assert table(result)["double"] == Row("2", "6", "1 of 2", "double(1) is wrong")
    assert result.ret == pytest.ExitCode.TESTS_FAILED


def test_a_failure_is_told_with_its_title_and_its_smallest_example(pytester):
    fill(pytester, REFERENCE.replace("2 * x", "3 * x"))
    pytester.runpytest().stdout.fnmatch_lines(
        [
            "*TestDouble.test_adds_x_to_itself*",
            "double(x) is x + x",
            "",
            "double(1) is wrong*",
            "Smallest example found: x=1",
        ],
        consecutive=False,
    )


def test_the_source_of_the_check_is_shown_when_it_is_asked_for(pytester):
    fill(pytester, REFERENCE.replace("2 * x", "3 * x"))
    pytester.runpytest("--tb=short").stdout.fnmatch_lines(["test_work.py:*: in test_adds_x_to_itself*"])


def test_a_table_in_a_narrow_terminal_stays_readable(pytester, monkeypatch):
    fill(pytester, "def double(x):\n    raise ValueError('far too long a text for such a narrow terminal')\n")
    monkeypatch.setenv("COLUMNS", "45")
    result = pytester.runpytest()
    (line,) = (line for line in result.outlines if re.match(r"double +\d", line))
    assert 50 < len(line) <= 60
    assert line.endswith("…")


def test_characters_that_the_output_cannot_show_are_replaced_and_lines_stay(pytester, monkeypatch):
    fill(pytester, REFERENCE, only('raise AssertionError("f(x) → dW:\\n  λ is 1 − 2…")'))
    monkeypatch.setenv("PYTHONIOENCODING", "cp1252")
    monkeypatch.setenv("PYTHONUTF8", "0")
    result = pytester.runpytest_subprocess()
    result.stdout.fnmatch_lines(["f(x) -> dW:", "  ? is 1 - 2*"])
    assert table(result)["double"].todo == "f(x) -> dW:"


# Where the submission comes from


@pytest.mark.parametrize("kind", ["file", "notebook", "folder"])
def test_submission_checks_another_file(pytester, kind):
    fill(pytester, STUB)
    other = pytester.mkdir("other")
    if kind == "notebook":
        solution = {"nbgrader": {"grade_id": "double", "solution": True}}
        cells = [{"cell_type": "code", "metadata": solution, "source": REFERENCE}]
        (other / "mine.ipynb").write_text(json.dumps({"cells": cells}))
    else:
        (other / "work.py").write_text(REFERENCE)
    path = {"file": "other/work.py", "notebook": "other/mine.ipynb", "folder": "other"}[kind]
    assert table(pytester.runpytest("--submission", path))["total"].score == "10"


def test_a_submission_that_is_not_there_is_a_usage_error(pytester):
    fill(pytester, REFERENCE)
    result = pytester.runpytest("--submission", "nowhere")
    result.stderr.fnmatch_lines(["*--submission: there is no nowhere."])
    assert result.ret == pytest.ExitCode.USAGE_ERROR


def test_a_folder_without_the_module_says_so_for_every_check(pytester):
    fill(pytester, REFERENCE)
    pytester.path.joinpath("work.py").unlink()
    result = pytester.runpytest()
    assert table(result)["double"].todo.startswith("Neither work.ipynb nor work.py was handed in")
    result.stdout.fnmatch_lines(["Neither work.ipynb nor work.py was handed in (found: test_work.py)."])


def test_the_choice_of_the_file_is_told(pytester):
    fill(pytester, REFERENCE)
    pytester.path.joinpath("work.py").rename(pytester.path / "mine.py")
    result = pytester.runpytest()
    assert table(result)["total"].score == "10"
    result.stdout.fnmatch_lines(["mine.py was taken for work.py. Please keep the name that was given."])


# Pytest's own options


def test_k_selects_checks_and_the_table_says_that_some_may_be_missing(pytester):
    fill(pytester, REFERENCE)
    result = pytester.runpytest("-k", "zero")
    assert table(result)["double"].checks == "1 of 1"
    result.stdout.fnmatch_lines(["Points are of the checks that were run; others may be missing here."])
    result.assert_outcomes(passed=1, deselected=2)


def test_naming_a_check_says_that_some_may_be_missing(pytester):
    fill(pytester, REFERENCE)
    result = pytester.runpytest("test_work.py::test_tally")
    result.stdout.fnmatch_lines(["Points are of the checks that were run; others may be missing here."])


def test_x_stops_at_the_first_failure_but_not_at_what_is_not_started(pytester):
    fill(
        pytester,
        STUB.replace("def tally(xs):\n    # YOUR CODE HERE\n    raise NotImplementedError()", "def tally(xs): 1/0"),
    )
    result = pytester.runpytest("-x")
    assert list(table(result)) == ["double", "tally", "total"]
    result.assert_outcomes(failed=1)


def test_pdb_opens_where_the_students_code_failed_and_passes_stubs_by(pytester):
    fill(
        pytester,
        STUB.replace("def tally(xs):\n    # YOUR CODE HERE\n    raise NotImplementedError()", "def tally(xs): 1/0"),
    )
    command = [*pytester._getpytestargs(), "--pdb"]
    result = pytester.run(*command, stdin=b"p 'xs is', xs\nc\n")
    result.stdout.fnmatch_lines(["*entering PDB*", "*('xs is', [[]1, 2])*"])
    assert sum("entering PDB" in line for line in result.outlines) == 1
    result.stdout.fnmatch_lines(["*1 failed, 2 not started in*"])


def test_xdist_gives_the_same_table(pytester):
    fill(pytester, REFERENCE.replace("2 * x", "3 * x"))
    serial = table(pytester.runpytest())
    assert table(pytester.runpytest_subprocess("-n", "2")) == serial


def test_verbose_names_what_is_not_started(pytester):
    fill(pytester, STUB)
    pytester.runpytest("-v").stdout.fnmatch_lines(["test_work.py::TestDouble::test_of_zero NOT STARTED *"])


def test_a_bare_folder_and_a_fresh_process_are_enough(pytester, monkeypatch):
    monkeypatch.delenv("PYTEST_ADDOPTS")
    fill(pytester, REFERENCE)
    assert sorted(path.name for path in pytester.path.iterdir()) == ["test_work.py", "work.py"]
    result = pytester.runpytest_subprocess()
    assert table(result)["total"].score == "10"
    result.stdout.no_fnmatch_line("*warning*")


# Bad input


BAD = {
    "a syntax error": ("def double(x):\n    return 2 *\n", "SyntaxError: invalid syntax"),
    "an import of a missing package": ("import nowhere\n", "ModuleNotFoundError: No module named 'nowhere'"),
    "an import of a missing name": ("from math import cubed\n", "ImportError: cannot import name 'cubed' from 'math'*"),
    "an error while loading": ("table = {}\ntable['x']\n", "KeyError: 'x'"),
    "a missing name": ("def doubel(x): return 2 * x\n", "work does not define 'double'. It defines 'doubel': is that*"),
    "an empty name": ("pass\n", "work does not define 'double'."),
    "a wrong signature": (
        "def double(): return 0\n",
        "double cannot be called as the handout says: double() takes 0 positional arguments but 1 was given.",
    ),
    "something else of that name": (
        "double = 3\n",
        "The check called what should be a function or class of yours: 'int' object is not callable.",
    ),
    "an exception": (
        "def double(x):\n    return x.y\n",
        "double raised AttributeError: 'int' object has no attribute 'y'",
    ),
    "an exit": ("def double(x):\n    raise SystemExit(3)\n", "double raised SystemExit: 3"),
    "an exit while loading": ("raise SystemExit(3)\n", "SystemExit: 3"),
    "its own failed assertion": ("def double(x):\n    assert x > 99\n", "double raised AssertionError"),
    "a recursion without end": ("def double(x):\n    return double(x)\n", "double raised RecursionError: *"),
    "an error of a wrong call inside": (
        "def double(x):\n    return double()\n",
        "double raised TypeError: *missing 1*",
    ),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_input_is_the_students_and_says_what_is_wrong_in_process_and_isolated_alike(pytester, what):
    module, expected = BAD[what]
    fill(pytester, module, only("assert hw.double(1) == 2"))
    for options in ([], ["--isolate"]):
        result = pytester.runpytest(*options)
        row = table(result)["double"]
        assert (row.score, row.checks) == ("0", "0 of 1"), options
        result.stdout.fnmatch_lines([expected])
        result.stdout.no_fnmatch_line("*not your fault*")


def test_a_syntax_error_is_shown_with_its_line(pytester):
    fill(pytester, "def double(x):\n    return 2 *\n")
    for options in ([], ["--isolate"]):
        pytester.runpytest(*options).stdout.fnmatch_lines(
            ["SyntaxError: invalid syntax", "  work.py, line 2", "      return 2 *"]
        )


def test_a_missing_package_is_said_to_be_missing_in_grading_too(pytester):
    fill(pytester, "import nowhere\n")
    pytester.runpytest().stdout.fnmatch_lines(
        ["This package is not available when your work is graded: do without it."]
    )


def test_what_was_defined_before_an_error_while_loading_still_counts(pytester):
    for rows in both_ways(pytester, REFERENCE + "\n1/0\n"):
        assert rows["total"].score == "10"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("None", "double(x) returned None; expected a NumPy array of shape (3,)"),
        ("(y for y in x)", "double(x) returned a generator; expected a NumPy array of shape (3,)"),
        ("list(x)", "double(x) returned a list of 3 (*); expected a NumPy array of shape (3,)*"),
        ("x[:1]", "double(x)*shape (1,)*"),
    ],
)
def test_a_wrong_type_or_shape_is_named(pytester, answer, expected):
    checks = only(
        "import numpy as np\n    from grader.explain import assert_close\n"
        "    assert_close(hw.double(np.ones(3)), 2 * np.ones(3), what='double(x)')"
    )
    fill(pytester, f"def double(x):\n    return {answer}\n", checks)
    for options in ([], ["--isolate"]):
        pytester.runpytest(*options).stdout.fnmatch_lines([expected + "*"])


def test_a_helper_that_is_not_written_is_named(pytester):
    module = "def helper(x):\n    raise NotImplementedError\n\n\ndef double(x):\n    return helper(x)\n"
    for rows in both_ways(pytester, module, only("assert hw.double(1) == 2")):
        assert rows["double"].todo.startswith("not started: helper still raises NotImpl")


def test_of_several_functions_those_that_are_still_stubs_are_named(pytester):
    checks = only("hw.Counter()\n    hw.tally([])").replace("points=6", 'points=6, covers=("Counter", "tally")')
    module = "class Counter: pass\n\n\ndef tally(xs):\n    raise NotImplementedError\n"
    for rows in both_ways(pytester, module, checks):
        assert rows["double"].todo == "not started: write tally"


def test_an_error_with_a_text_is_no_stub(pytester):
    module = "def double(x):\n    raise NotImplementedError('only for floats')\n"
    for rows in both_ways(pytester, module, only("assert hw.double(1) == 2")):
        assert rows["double"].todo.startswith("double raised NotImplementedError: on")


def test_a_function_that_answers_differently_each_time_is_said_to(pytester):
    fill(
        pytester,
        "seen = set()\n\n\ndef double(x):\n    new = x not in seen\n    seen.add(x)\n    return 3 if new else 2 * x\n",
    )
    for options in ([], ["--isolate"]):
        result = pytester.runpytest(*options)
        result.stdout.fnmatch_lines(["The same input gave different results when it was tried again."])
        assert table(result)["double"].todo.startswith("The same input gave different results")


def test_a_wrong_call_of_a_function_that_the_check_passed_in_is_the_students(pytester):
    checks = only("hw.double(lambda x: x.shape)")
    fill(pytester, "def double(f):\n    return f('text')\n", checks)
    for options in ([], ["--isolate"]):
        result = pytester.runpytest(*options)
        assert table(result)["double"].score == "0"
        result.stdout.fnmatch_lines(["*AttributeError: 'str' object has no attribute 'shape'"])


# Endless code


LOOP = "def double(x):\n    while True:\n        x = x\n\n\ndef tally(xs):\n    return sum(xs)\n"


def test_an_endless_loop_is_stopped_though_hypothesis_would_go_on_and_the_other_checks_run(pytester):
    fill(pytester, LOOP, CHECKS.replace("import pytest", "import pytest\n\npytestmark = pytest.mark.timeout(0.5)", 1))
    began = time.monotonic()
    result = pytester.runpytest_subprocess()
    assert time.monotonic() - began < 10
    assert table(result)["double"] == Row("0", "6", "0 of 2", table(result)["double"].todo)
    assert table(result)["double"].todo.startswith("Stopped: not done after 0.5 s.")
    result.stdout.fnmatch_lines(["*Is there a loop that never ends?", "  work.py, line *, in double"])
    result.stdout.fnmatch_lines(["tally * 4 / 4 *"])


def test_an_endless_loop_while_loading_is_stopped_once(pytester):
    fill(
        pytester, REFERENCE + "\nwhile True:\n    pass\n\n\ndef after(x): ...\n", CHECKS.replace("hw.tally", "hw.after")
    )
    result = pytester.runpytest_subprocess("--timeout=1")
    assert table(result)["double"].score == "6"
    result.stdout.fnmatch_lines(["Stopped: not done after 1 s. Is there a loop that never ends?", "  work.py, line 1*"])
    result.assert_outcomes(passed=2, failed=1)


def test_a_check_has_a_minute_unless_it_says_otherwise(pytester):
    fill(pytester, REFERENCE, only("pass") + "\n\n@pytest.mark.timeout(5)\ndef test_plain():\n    pass\n")
    items, _ = pytester.inline_genitems()
    assert [item.get_closest_marker("timeout").args for item in items] == [(60,), (5,)]
    items, _ = pytester.inline_genitems("--timeout=7")
    assert items[0].get_closest_marker("timeout") is None


def test_a_time_out_from_outside_leaves_the_next_check_a_fresh_process(pytester):
    fill(pytester, LOOP, CHECKS.replace("import pytest", "import pytest\n\npytestmark = pytest.mark.timeout(2)", 1))
    rows = table(pytester.runpytest_subprocess("--isolate", "-k", "zero or tally"))
    assert rows["double"].todo.startswith("Stopped: ")
    assert rows["tally"].score == "4"


def test_a_crash_costs_its_own_check_only(pytester):
    fill(pytester, "import os\n\n\ndef double(x): os._exit(0)\n\n\ndef tally(xs): return sum(xs)\n")
    result = pytester.runpytest("--isolate")
    assert table(result)["double"].todo.startswith("your code ended its own process")
    result.assert_outcomes(failed=2, passed=1)


# Stand-ins


STAND_IN = """\
import pytest


@pytest.mark.task("double", points=6)
def test_double(hw):
    assert hw.double(2) == 4


@pytest.mark.task("fourfold", points=4)
@pytest.mark.stand_in(double=lambda x: 0, other=lambda x: x)
class TestFourfold:
    @pytest.mark.stand_in(double=lambda x: 2 * x)
    def test_uses_double(self, hw):
        assert hw.fourfold(2) == 8
        assert hw.other(1) == 1

    def test_with_what_is_said_of_the_class(self, hw):
        assert hw.fourfold(2) == 0


@pytest.mark.task("after", points=1)
def test_afterwards_the_students_own_is_back(hw):
    assert hw.double(2) == 5
    assert not hasattr(hw, "other")
"""


def test_work_by_hand_is_told_so_where_it_imports_torch(pytester):
    checks = only("assert hw.double(2) == 4").replace(
        "import pytest\n", "import pytest\n\npytestmark = pytest.mark.by_hand\n"
    )
    fill(pytester, "def double(x):\n    import torch\n\n    return 2 * x\n", checks)
    for result in (pytester.runpytest(), pytester.runpytest("--isolate")):
        result.stdout.fnmatch_lines(["*ImportError: torch is not to be used here: * by hand, with NumPy"])


def test_own_work_is_told_so_where_it_is_left_to_torch(pytester):
    mark = 'pytestmark = pytest.mark.own_work("gelu", by_hand=("slope",))'
    checks = f"import torch\n{only('hw.double(torch.ones(2))')}".replace(
        "import pytest\n", f"import pytest\n\n{mark}\n"
    )
    module = "import torch\n\n\ndef double(x):\n    return 2 * torch.nn.functional.gelu(x)\n"
    fill(pytester, module, checks)
    for result in (pytester.runpytest(), pytester.runpytest("--isolate")):
        result.stdout.fnmatch_lines(["*RuntimeError: gelu is the library's: this assignment asks for your own"])


def test_a_stand_in_takes_the_place_of_an_earlier_piece_while_its_check_runs(pytester):
    module = "def double(x):\n    return 5\n\n\ndef fourfold(x):\n    return double(double(x))\n"
    for rows in both_ways(pytester, module, STAND_IN):
        assert {name: row.score for name, row in rows.items()} == {
            "double": "0",
            "fourfold": "4",
            "after": "1",
            "total": "5",
        }


# What is ours


def test_an_error_of_the_check_itself_leaves_the_points_open(pytester):
    fill(pytester, REFERENCE, only("1/0"))
    for options in ([], ["--isolate"]):
        result = pytester.runpytest(*options)
        assert table(result)["double"].score == "?"
        result.stdout.fnmatch_lines(
            [
                "The check itself failed, which is not your fault: ZeroDivisionError: division by zero (test_work.py, line 6)"
            ]
        )


def test_a_fixture_that_fails_leaves_the_points_open(pytester):
    checks = "import pytest\n\n\n@pytest.fixture\ndef broken():\n    1/0\n\n\n"
    checks += '@pytest.mark.task("double", points=6)\ndef test_it(hw, broken):\n    pass\n'
    fill(pytester, REFERENCE, checks)
    assert table(pytester.runpytest())["double"].score == "?"


def test_a_check_that_is_skipped_is_not_measured_and_its_points_are_open(pytester):
    fill(pytester, REFERENCE, only('pytest.skip("no GPU here")'))
    assert table(pytester.runpytest())["double"] == Row("?", "6", "0 of 1", "not measured: no GPU here")


def test_a_check_need_not_call_the_submission(pytester):
    fill(pytester, REFERENCE, '\nimport pytest\n\n\n@pytest.mark.task("double", points=6)\ndef test_it():\n    pass\n')
    assert table(pytester.runpytest())["double"] == Row("6", "6", "1 of 1", "")


# One check, many tests; many files


@pytest.mark.parametrize(
    ("actions", "expected"),
    [
        (["pass", "pass"], ("6", "1 of 1", "")),
        (["pass", "assert False, 'second'"], ("0", "0 of 1", "second")),
        (["assert False, 'first'", "assert False, 'second'"], ("0", "0 of 1", "first")),
        (["pytest.skip('why')", "pass"], ("?", "0 of 1", "not measured: why")),
        (["pytest.skip('why')", "assert False, 'second'"], ("0", "0 of 1", "second")),
        (["assert False, 'first'", "pytest.skip('why')"], ("0", "0 of 1", "first")),
    ],
)
def test_a_parametrised_check_counts_as_one_and_its_worst_result_holds(pytester, actions, expected):
    body = "\n    ".join(f"if number == {number}:\n        {action}" for number, action in enumerate(actions))
    checks = only(body, f'@pytest.mark.parametrize("number", range({len(actions)}))\n').replace("(hw)", "(hw, number)")
    fill(pytester, REFERENCE, checks)
    row = table(pytester.runpytest())["double"]
    assert (row.score, row.checks, row.todo) == expected


def test_two_assignments_in_one_run_are_kept_apart_though_all_names_are_equal(pytester):
    for name, module in (("hw1", REFERENCE), ("hw2", STUB)):
        folder = pytester.mkdir(name)
        (folder / "work.py").write_text(module)
        (folder / "test_work.py").write_text(CHECKS)
    result = pytester.runpytest("--import-mode=importlib")
    result.stdout.fnmatch_lines(
        [
            "hw1/work",
            "double * 6 / 6 * 2 of 2*",
            "total * 10 / 10",
            "hw2/work",
            "double * 0 / 6 * 0 of 2 * not started: write double",
            "total * 0 / 10",
        ]
    )
    result.stdout.fnmatch_lines(["*3 passed, 3 not started in*"])


def test_hidden_checks_share_the_points_of_the_public_ones(pytester):
    fill(pytester, REFERENCE.replace("2 * x", "abs(2 * x)"), only("assert hw.double(1) == 2"))
    hidden = only("assert hw.double(-1) == -2").replace(", points=6", "")
    pytester.path.joinpath("test_work_hidden.py").write_text(hidden.replace("test_it", "test_more"))
    result = pytester.runpytest("test_work_hidden.py", "test_work.py")
    assert table(result)["double"].score == "3"
    assert table(result)["double"].checks == "1 of 2"
    result.stdout.no_fnmatch_line("These are the public checks*")


# Other people's tests


PLAIN = """\
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

seen = []


@given(st.integers())
def test_plain(x):
    seen.append(x)


@pytest.mark.task
def test_of_another_project_with_a_mark_of_that_name():
    assert len(seen) == settings.get_profile("default").max_examples


@pytest.mark.task(3)
def test_and_one_that_names_none():
    raise NotImplementedError


def test_nothing_heavy_was_imported():
    assert not {"torch", "numpy", "grader.run", "grader.remote"} & set(sys.modules)
"""


def test_a_plain_test_run_is_untouched(pytester):
    pytester.makepyfile(PLAIN)
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(passed=3, failed=1)
    result.stdout.no_fnmatch_line("*your work*")
    result.stdout.fnmatch_lines([">       raise NotImplementedError"])


def test_a_run_inside_a_run_keeps_its_results_to_itself(pytester):
    fill(pytester, REFERENCE)
    inner = pytester.mkdir("inner")
    (inner / "test_vectors.py").write_text(only("assert hw.double(1) == 0"))
    body = (
        "from pathlib import Path\n    from grader.notebook import run_task\n"
        "    report = run_task('double', {'double': lambda x: 1}, Path('inner'))\n"
        "    assert report.score == 0"
    )
    pytester.path.joinpath("test_work.py").write_text(
        only(body) + '\n\n@pytest.mark.task("tally", points=4)\ndef test_after(hw):\n    pass\n'
    )
    rows = table(pytester.runpytest_subprocess("test_work.py"))
    assert rows["double"] == Row("6", "6", "1 of 1", "")
    assert rows["total"].score == "10"
