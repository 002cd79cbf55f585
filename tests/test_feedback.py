import pytest

from grader.errors import (
    NotStarted,
    SandboxError,
    SubmissionCrashed,
    SubmissionError,
    SubmissionGone,
    SubmissionTimeout,
)
from grader.explain import Mismatch
from grader.feedback import example, frames_of, judge, not_started, timed_out
from grader.model import Frame, Status
from grader.remote import MissingName, raised

FILE = "/home/ada/hw1/vectors.py"
FILES = {FILE: "vectors.py"}


def caught(source, *args, name="norm"):
    """What calling a function of a student's file raises."""
    namespace = {}
    exec(compile(source, FILE, "exec"), namespace)
    try:
        namespace[name](*args)
    except BaseException as error:
        return error
    raise AssertionError("it raised nothing")


def noted(error, *notes):
    for note in notes:
        error.add_note(note)
    return error


def test_a_verdict_becomes_its_status():
    assert judge(NotStarted("not started: norm")) == (Status.NOT_STARTED, "not started: norm")
    assert judge(NotStarted()) == (Status.NOT_STARTED, "not started")
    assert judge(SubmissionCrashed("exit status 3")) == (Status.CRASHED, "exit status 3")
    assert judge(SubmissionGone("gone")) == (Status.CRASHED, "gone")
    expected = "Stopped: norm did not return within 3 s. Is there a loop that never ends?"
    assert judge(SubmissionTimeout("norm did not return within 3 s")) == (Status.TIMEOUT, expected)


def test_a_failed_comparison_is_told_as_it_is():
    mismatch = noted(Mismatch("norm(v): wrong value 1", "twice"), "Failing test case: test_x(\n    x=1,\n)")
    assert judge(mismatch) == (Status.FAILED, "norm(v): wrong value 1")
    assert judge(AssertionError("norm(v) is wrong")) == (Status.FAILED, "norm(v) is wrong")


def test_a_missing_name_and_an_unreadable_submission_are_the_students():
    assert judge(MissingName("vectors does not define 'norm'.")) == (Status.FAILED, "vectors does not define 'norm'.")
    assert judge(SubmissionError("vectors.py is empty.")) == (Status.FAILED, "vectors.py is empty.")


def test_a_worker_that_cannot_be_had_is_our_fault():
    status, text = judge(SandboxError("the fork server is gone"))
    assert status is Status.ERROR
    assert text == "Your code was not run, which is not your fault: the fork server is gone"


def test_an_exception_is_told_with_the_students_lines_only():
    error = caught("import json\n\n\ndef norm(v):\n    return json.loads(v)\n", "{")
    status, text = judge(error, FILES)
    assert status is Status.FAILED
    assert text.startswith("norm raised JSONDecodeError: Expecting property name")
    assert text.endswith("\n  vectors.py, line 5, in norm\n      ")
    assert judge(error)[0] is Status.ERROR


def test_an_exception_from_another_process_is_told_in_the_same_way():
    frames = (Frame("vectors.py", 5, "norm", "    return 1 / 0"),)
    status, text = judge(raised(["ZeroDivisionError", "Exception"], "division by zero", frames))
    assert status is Status.FAILED
    assert text == "norm raised ZeroDivisionError: division by zero\n  vectors.py, line 5, in norm\n      return 1 / 0"


def test_an_exception_without_a_text_is_told_by_its_name():
    assert judge(caught("def norm(v):\n    raise ValueError\n", 1), FILES)[1].startswith("norm raised ValueError\n")


def test_a_students_own_assertion_is_told_as_raised_and_a_checks_in_a_callback_as_it_is():
    assert judge(caught("def norm(v):\n    assert v\n", 0), FILES)[1].startswith("norm raised AssertionError\n")

    def callback():
        raise AssertionError("called too often")

    assert judge(caught("def norm(f):\n    f()\n", callback), FILES) == (Status.FAILED, "called too often")


def test_only_the_last_lines_of_a_long_traceback_are_shown():
    text = judge(caught("def norm(v):\n    return norm(v)\n", 1), FILES)[1]
    assert text.startswith("norm raised RecursionError")
    assert text.count("vectors.py, line 2") == 4


def test_a_syntax_error_shows_its_line():
    try:
        compile("x = 1\ny = = 2\n", FILE, "exec")
    except SyntaxError as error:
        status, text = judge(noted(error, "Failing test case: test_x(\n    x=1,\n)"), FILES)
    assert status is Status.FAILED
    assert text == "SyntaxError: invalid syntax\n  vectors.py, line 2\n      y = = 2"


def test_a_package_that_is_missing_is_said_not_to_be_there_in_grading():
    text = judge(caught("def norm(v):\n    import nowhere\n", 1), FILES)[1]
    assert "This package is not available when your work is graded: do without it." in text


def wrong_call(function, *args):
    try:
        function(*args)
    except TypeError as error:
        return error


class Adder:
    def add(self, x): ...


def norm(v): ...


@pytest.mark.parametrize(
    ("function", "args", "name"),
    [(norm, (), "norm"), (norm, (1, 2), "norm"), (Adder, (3,), "Adder"), (Adder().add, (), "Adder")],
)
def test_a_call_that_fits_no_signature_is_the_students_if_the_function_is(function, args, name):
    error = wrong_call(function, *args)
    status, text = judge(error, FILES, ["norm", "Adder"])
    assert status is Status.FAILED
    assert text == f"{name} cannot be called as the handout says: {error}."
    assert judge(error, FILES, ["scale"])[0] is Status.ERROR


def test_a_call_that_fits_no_signature_in_another_process_is_told_alike():
    error = raised(["TypeError", "Exception"], "norm() missing 1 required positional argument: 'v'", ())
    assert judge(error)[1].startswith("norm cannot be called as the handout says: norm() missing 1 required")


def test_something_else_that_is_called_like_a_function_is_the_students():
    status, text = judge(wrong_call(3))
    assert status is Status.FAILED
    assert text == "The check called what should be a function or class of yours: 'int' object is not callable."


def test_a_wrong_call_inside_the_students_code_is_told_with_its_line():
    assert judge(caught("def norm(v):\n    return norm()\n", 1), FILES, ["norm"])[1].startswith("norm raised TypeError")


def test_pytest_fail_and_pytest_raises_that_saw_nothing_are_the_students():
    with pytest.raises(pytest.fail.Exception) as caught_:
        pytest.fail("norm([]) must raise ValueError")
    assert judge(caught_.value) == (Status.FAILED, "norm([]) must raise ValueError")


def test_anything_else_is_our_own_fault_and_says_where_without_a_path():
    status, text = judge(wrong_call(lambda: [] + 1))
    assert status is Status.ERROR
    assert text.startswith("The check itself failed, which is not your fault: TypeError: can only concatenate list")
    assert text.endswith(")")
    assert "(test_feedback.py, line " in text
    assert judge(ValueError("no traceback"))[1].endswith("ValueError: no traceback")


# Stubs


@pytest.mark.parametrize("raises", ["NotImplementedError", "NotImplementedError()"])
def test_a_stub_is_not_started_and_names_its_function(raises):
    error = caught(f"def helper():\n    raise {raises}\n\n\ndef norm(v):\n    return helper()\n", 1)
    expected = "not started: helper still raises NotImplementedError (vectors.py, line 2)"
    assert str(not_started(error, FILES)) == expected
    assert judge(error, FILES) == (Status.NOT_STARTED, expected)


def test_a_method_is_named_with_its_class():
    net = "class Net:\n    def f(self):\n        def inner():\n            return 1 / 0\n        return {}\n\n\n"
    norm = "def norm(v):\n    return Net().f()\n"
    assert judge(caught(net.format("1 / 0") + norm, 1), FILES)[1].startswith("Net.f raised ZeroDivisionError: ")
    assert judge(caught(net.format("inner()") + norm, 1), FILES)[1].startswith("inner raised ZeroDivisionError: ")
    stub = "class Net:\n    def f(self):\n        raise NotImplementedError()\n\n\ndef norm(v):\n    return Net().f()\n"
    assert str(not_started(caught(stub, 1), FILES)).startswith("not started: Net.f still raises NotImplementedError")


def test_a_verdict_of_not_started_stays_one():
    verdict = NotStarted("not started: norm")
    assert not_started(verdict) is verdict


@pytest.mark.parametrize("source", ["raise NotImplementedError('floats only')", "raise ValueError"])
def test_another_error_is_no_stub(source):
    assert not_started(caught(f"def norm(v):\n    {source}\n", 1), FILES) is None


def test_a_not_implemented_error_of_the_check_is_no_stub():
    assert not_started(NotImplementedError(), FILES) is None
    assert judge(NotImplementedError(), FILES)[0] is Status.ERROR


# Time


def test_a_time_out_of_pytest_is_a_verdict_with_the_line_that_was_running():
    def stop():
        pytest.fail("Timeout (>2.50s) from pytest-timeout.")

    error = caught("def norm(stop):\n    stop()\n", stop)
    expected = "not done after 2.5 s\n  vectors.py, line 2, in norm\n      "
    assert str(timed_out(error, FILES)) == expected
    status, text = judge(error, FILES)
    assert status is Status.TIMEOUT
    assert text.startswith("Stopped: not done after 2.5 s. Is there a loop that never ends?\n  vectors.py, line 2")
    assert str(timed_out(error)) == "not done after 2.5 s"


def test_another_failure_is_no_time_out():
    with pytest.raises(pytest.fail.Exception) as caught_:
        pytest.fail("Timeouts are not meant")
    assert timed_out(caught_.value) is None
    assert timed_out(ValueError("Timeout (>1.0s)")) is None


# Examples


@pytest.mark.parametrize(
    ("note", "shown"),
    [
        ("Failing test case: test_x(\n    self=<T object at 0x7f>,\n    hw=<module 'm'>,\n    x=2,\n)", "x=2"),
        ("Falsifying example: test_x(\n    x=2,\n    y='a, b',\n)", "x=2, y='a, b'"),
        ("Failing test case: test_x(\n    x=array([[1, 2],\n           [3, 4]]),\n    # a comment\n)", "x=array([[1, 2], [3, 4]])"),
        ("Failing test case: test_x(\n    case=Case(\n        N=2,\n        K=3,\n    ),\n)", "case=Case(N=2, K=3)"),
        ("Failing test case: test_x(\n    hw=<module 'm'>,\n)", ""),
        ("You can reproduce this example", ""),
    ],
)  # fmt: skip
def test_the_smallest_example_is_shown_in_one_line_without_what_is_not_drawn(note, shown):
    assert example(noted(AssertionError(), note)) == (f"\nSmallest example found: {shown}" if shown else "")


def test_a_large_example_is_cut():
    assert len(example(noted(AssertionError(), f"Failing test case: test_x(\n    x='{'a' * 9999}',\n)"))) < 450


def test_an_assertion_and_an_exception_show_their_example():
    note = "Failing test case: test_x(\n    x=2,\n)"
    assert judge(noted(AssertionError("wrong"), note))[1] == "wrong\nSmallest example found: x=2"
    error = noted(caught("def norm(v):\n    return 1 / 0\n", 1), note)
    assert judge(error, FILES)[1].endswith("\nSmallest example found: x=2")


def test_flaky_results_are_told_with_what_was_seen():
    class FlakyFailure(ExceptionGroup):
        pass

    error = FlakyFailure("unstable", [AssertionError("norm(1) is wrong")])
    status, text = judge(error)
    assert status is Status.FAILED
    assert text == "The same input gave different results when it was tried again.\nnorm(1) is wrong"

    class Flaky(Exception):
        pass

    assert judge(Flaky("unstable")) == (
        Status.FAILED,
        "The same input gave different results when it was tried again.",
    )


# Text


def test_messages_are_safe_to_print_and_not_endless():
    assert judge(AssertionError("\x1b[31mred\x07"))[1] == "�[31mred�"
    assert len(judge(AssertionError("a" * 99_999))[1]) == 4000


def test_frames_are_those_of_the_students_files():
    error = caught("def helper():\n    1 / 0\n\n\ndef norm(v):\n    helper()\n", 1)
    assert [(frame.filename, frame.line, frame.function) for frame in frames_of(error, FILES)] == [
        ("vectors.py", 6, "norm"),
        ("vectors.py", 2, "helper"),
    ]
