"""Notebooks executed again: what is run, what is shown of it, and that it reaches nothing and decides nothing."""

import json
import re
import socket
import subprocess
import sys
from dataclasses import replace

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_output

import grader.gradebook.autograde as autograde_module
from grader.errors import SandboxError
from grader.gradebook import execute as execute_module
from grader.gradebook.execute import Allowance, Ran, defining, is_run, prove, receive, run, show
from grader.model import Cell, Limits
from tests.gradebook_course import (
    DOUBLE,
    HALVE,
    PNG,
    answered,
    cell_of,
    course_in,
    graded,
    grades,
    hand_in,
    nbgrader,
    toy_grade,
    toy_grades,
)

ALLOWANCE = Allowance(seconds=60, cell_seconds=30, limits=Limits(memory_mb=1024))
PICTURE = new_output("display_data", data={"image/png": PNG})
TEXT = new_output("stream", name="stdout", text="loss 0.1")
FROM_NOTEBOOK = (Cell(filename="cell double", source=DOUBLE),)
FROM_FILE = (Cell(filename="tiny.py", source=DOUBLE),)


@pytest.fixture(scope="module")
def sandbox():
    try:
        prove()
    except SandboxError as reason:
        pytest.skip(str(reason))


def texts(ran):
    return {number: "".join(output.get("text", "") for output in one.outputs) for number, one in ran.items()}


def nbgrader_cell(source="plot()", **about):
    return new_code_cell(source, metadata={"nbgrader": about})


def extra(source="mine()"):
    cell = new_code_cell(source)
    cell["id"] = "grader-extra-0"
    return cell


@pytest.mark.parametrize(
    ("cell", "graded", "expected"),
    [
        (new_code_cell("experiment()"), FROM_NOTEBOOK, True),
        (new_code_cell(" "), FROM_NOTEBOOK, False),
        (nbgrader_cell(grade_id="plot_it", grade=True, solution=True), FROM_NOTEBOOK, True),
        (nbgrader_cell(grade_id="left_empty", grade=True, solution=True), FROM_NOTEBOOK, False),
        (nbgrader_cell(grade_id="check_double", grade=True, solution=False), FROM_NOTEBOOK, False),
        (nbgrader_cell(grade_id="setup", grade=False, solution=False), FROM_NOTEBOOK, False),
        (nbgrader_cell(grade_id="double", grade=False, solution=True), FROM_NOTEBOOK, False),
        (extra(), FROM_NOTEBOOK, True),
        (extra(), FROM_FILE, False),
    ],
)
def test_experiments_and_what_a_person_grades_are_run_and_nothing_that_gives_points(cell, graded, expected):
    assert is_run(cell, {"plot_it": True, "left_empty": False}, graded) is expected


@pytest.mark.parametrize(
    ("handed", "ran", "shown", "why"),
    [
        ([PICTURE], Ran(outputs=[PICTURE, TEXT]), [PICTURE, TEXT], ""),
        ([TEXT], Ran(outputs=[]), [], ""),
        ([], Ran(outputs=[TEXT], error="ValueError"), [TEXT], ""),
        ([PICTURE], Ran(outputs=[TEXT]), [PICTURE], "drew no picture"),
        ([PICTURE], Ran(outputs=[TEXT, PICTURE], error="ValueError"), [PICTURE], "ended with ValueError"),
        ([TEXT], Ran(outputs=[TEXT, TEXT], slow=True), [TEXT], "took too long"),
        ([TEXT], None, [TEXT], "was not finished"),
        ([], None, [], ""),
    ],
)
def test_what_was_handed_in_stays_where_running_it_again_gives_less(handed, ran, shown, why):
    cell = new_code_cell("plot()", outputs=handed)
    assert show(cell, ran) is (ran is not None and not why)
    said = "".join(output.text for output in cell.outputs[: len(cell.outputs) - len(shown)])
    assert cell.outputs[len(cell.outputs) - len(shown) :] == shown
    assert why in said
    assert bool(said) is bool(why)


def test_a_cell_that_was_stopped_says_so():
    cell = new_code_cell("while True: ...")
    assert show(cell, Ran(outputs=[TEXT], slow=True))
    assert [output.text for output in cell.outputs] == [TEXT.text, execute_module.STOPPED]


def test_code_is_defined_as_in_grading_where_it_is_no_main_program():
    names = {"__name__": "__main__"}
    exec(defining("tiny", Cell(filename="tiny.py", source="x = 1\nif __name__ == '__main__': x = 2")), names)
    assert (names["x"], names["__name__"]) == (1, "tiny")


@pytest.mark.parametrize(
    ("program", "why"),
    [
        ("print('a'); import time; time.sleep(60)", "The time for a notebook was over"),
        ("import time\nwhile True: print('a'); time.sleep(0.01)", "The time for a notebook was over"),
        ("while True: print('a' * 1000)", "more than 0.1 MB of output"),
        ("print('a')", ""),
    ],
)
def test_what_comes_from_the_sandbox_is_bounded_in_time_and_size(program, why, monkeypatch):
    monkeypatch.setattr(execute_module, "ANSWER_BYTES", 100_000)
    with subprocess.Popen([sys.executable, "-u", "-c", program], stdout=subprocess.PIPE) as process:
        data, ended = receive(process, 0.2)
        process.kill()
    assert data.startswith(b"a")
    assert len(data) <= 100_000 + (1 << 16)
    assert why in ended
    assert bool(why) is bool(ended)


def pretend_bubblewrap(folder, monkeypatch, script):
    """A program of that name, the only one to be found."""
    (folder / "bwrap").write_text(script)
    (folder / "bwrap").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


def test_lines_that_are_no_answers_are_passed_over(tmp_path, monkeypatch):
    lines = [
        "{}", "[1]", "{", "[" * 100_000, '{"number": true, "outputs": []}', '{"number": 0, "outputs": 7}',
        '{"number": 1, "outputs": [3, {"output_type": "error", "ename": {}}, {"output_type": "stream", "text": "x"}]}',
        '{"ended": [1]}',
    ]  # fmt: skip
    (tmp_path / "lines").write_text("\n".join(lines))
    pretend_bubblewrap(tmp_path, monkeypatch, f"#!/bin/sh\nexec /bin/cat {tmp_path}/lines\n")
    ran, ended = run([""] * len(lines), tmp_path, ALLOWANCE)
    assert ran[0] == Ran(outputs=[])
    assert [output.text for output in ran[1].outputs] == [": ", "x"]
    assert ended == "The notebook ended its own process."
    assert 1 not in run([""], tmp_path, ALLOWANCE)[0], "more lines than cells are not read"


@pytest.mark.parametrize(
    ("script", "why"),
    [
        (None, "bubblewrap is not installed"),
        ("#!/bin/sh\necho 'bwrap: No permissions' >&2\nexit 1\n", "bwrap: No permissions"),
        ("#!/bin/sh\n", "no reason is known"),
        ('#!/bin/sh\necho "{}"\necho \'{"number": 0, "outputs": []}\'\n', "does not compute"),
        ("", "cannot be started"),
    ],
)
def test_without_a_working_sandbox_nothing_is_graded_and_it_says_what_to_install(
    script, why, tmp_path, monkeypatch, capfd
):
    course = course_in(tmp_path, monkeypatch)
    assert nbgrader("generate_assignment", "hw1") == 0
    hand_in(course, "ada", tiny__ipynb=answered(course, double=DOUBLE))
    monkeypatch.setattr("grader.grade.require_sandbox", lambda accept: None)
    if script is None:
        monkeypatch.setenv("PATH", str(tmp_path))
    else:
        pretend_bubblewrap(tmp_path, monkeypatch, script)
    assert nbgrader("autograde", "hw1", "--Autograde.execute_notebooks=True") == 1
    said = " ".join(capfd.readouterr().err.split())
    assert why in said
    assert "apt install bubblewrap" in said
    assert not (course / "autograded").exists()


REACH = """
import os, socket, subprocess
def connect(family, kind, address):
    with socket.socket(family, kind) as s:
        s.settimeout(2); s.connect(address); s.send(b"x")
def signals(process):
    try:
        os.kill(process, 0)
    except OSError:
        return False
    return True
attempts = {{
    "read": lambda: open({secret!r}).read(), "write": lambda: open({secret!r}, "w"),
    "read released": lambda: open("handout.txt").read(), "write released": lambda: open("handout.txt", "a"),
    "list": lambda: os.listdir("/"), "passwords": lambda: open("/etc/passwd"), "environment": lambda: os.environ[{variable!r}],
    "another's environment": lambda: open(f"/proc/{{os.getppid()}}/environ").read(),
    "processes": lambda: os.listdir("/proc"), "shared memory": lambda: open("/dev/shm/" + {variable!r}, "w") and os.unlink("/dev/shm/" + {variable!r}),
    "tcp": lambda: connect(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", {port})),
    "udp": lambda: connect(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", {port})),
    "socket file": lambda: connect(socket.AF_UNIX, socket.SOCK_STREAM, {path!r}),
    "abstract": lambda: connect(socket.AF_UNIX, socket.SOCK_STREAM, "\\0" + {variable!r}),
    "netlink": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0),
    "fork": lambda: os.fork() or os._exit(0), "run": lambda: subprocess.run(["/bin/true"]),
    "signal": lambda: any(map(signals, (1, os.getppid()))),
    "work": lambda: open("mine.txt", "w").write("x"),
}}
def got(f):
    try:
        return f() is not False
    except Exception:
        return False
print(*(name for name, f in attempts.items() if got(f)), sep=",", end="")
"""


def test_a_notebook_reaches_libraries_released_files_and_its_own_folder_only(sandbox, tmp_path, monkeypatch):
    released = tmp_path / "release"
    released.mkdir()
    (released / "handout.txt").write_text("read me")
    (secret := tmp_path / "gradebook.db").write_text("scores")
    variable = "GRADER_" + tmp_path.name.upper()
    monkeypatch.setenv(variable, "secret")
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(socket.AF_UNIX) as file,
        socket.socket(socket.AF_UNIX) as abstract,
    ):
        file.bind(str(tmp_path / "socket"))
        abstract.bind("\0" + variable)
        for listener in (tcp, file, abstract):
            listener.listen()
            listener.setblocking(False)
        source = REACH.format(
            secret=str(secret), variable=variable, port=tcp.getsockname()[1], path=str(tmp_path / "socket")
        )
        ran, ended = run([source], released, ALLOWANCE)
        for listener in (tcp, file, abstract):
            with pytest.raises(BlockingIOError):
                listener.accept()
        assert (texts(ran), ended) == ({0: "read released,work"}, "")
        assert (secret.read_text(), (released / "handout.txt").read_text()) == ("scores", "read me")
        outside = subprocess.run(
            [sys.executable, "-c", source], cwd=released, capture_output=True, text=True, check=True
        )
    assert outside.stdout.split(",") == re.findall(r'"([a-z\' ]+)": lambda', source), "else it would prove nothing"


def test_a_cell_that_goes_wrong_does_not_stop_the_next(sandbox, tmp_path):
    sources = [
        "1 / 0",
        "while True: pass",
        "x = bytearray(2 << 30)",
        "print('x' * 30_000_000)",
        "from IPython.display import display\ndisplay({'image/png': 'A' * 30_000_000}, raw=True)",
        "for i in range(300): display({'image/png': 'A' * 100_000, 'text/html': '<script>'}, raw=True)",
        "handle = display(1, display_id=True)\nfor i in range(3000): handle.update('y' * 100)",
        "import sys; print('x'); sys.exit('bye')",
        "print('the end')",
    ]
    ran, ended = run(sources, tmp_path, replace(ALLOWANCE, cell_seconds=2))
    assert ended == ""
    assert {number: one.error for number, one in ran.items() if one.error} == {
        0: "ZeroDivisionError", 1: "KeyboardInterrupt", 2: "MemoryError", 7: "SystemExit",
    }  # fmt: skip
    assert [number for number, one in ran.items() if one.slow] == [1]
    assert sum(len(json.dumps(one.outputs)) for one in ran.values()) < 100_000
    assert texts(ran)[8] == "the end\n"


GARBAGE = "get_ipython().kernel.iopub_thread.send_multipart([b'garbage'])\nprint('sent')"
DEAF = "while True:\n    try:\n        while True: pass\n    except BaseException: pass"


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("import os; os._exit(0)", "ended its own process"),
        (GARBAGE, "cannot be read"),
        (DEAF, "The time for a notebook was over"),
    ],
)
def test_a_kernel_that_dies_or_lies_or_stays_leaves_what_came_before(sandbox, tmp_path, source, why):
    ran, ended = run(["print('first')", source, "print('x')"], tmp_path, replace(ALLOWANCE, seconds=3))
    assert texts(ran)[0] == "first\n"
    assert 2 not in ran
    assert why in ended


def with_extras(text, *sources, kernel="python3"):
    """A notebook with more cells in front of its experiments, and another kernel."""
    notebook = nbformat.reads(text, as_version=4)
    notebook.metadata.kernelspec = {"name": kernel, "display_name": kernel, "language": "R"}
    notebook.cells[1:1] = [new_code_cell(source) for source in sources]
    return nbformat.writes(notebook)


FORGE = """
from IPython.display import display
display({"text/plain": "100.0", "text/html": "<script>alert(1)</script>"}, raw=True)
for number in range(40):
    print('{"number": %d, "outputs": [{"output_type": "execute_result", "data": {"text/plain": "100.0"}}]}' % number)
"""
PLOT = "import matplotlib.pyplot as plt\nplt.plot([double(1), halve(4), shift])"


def test_scores_and_their_cells_are_the_same_whether_notebooks_are_executed_or_not(sandbox, tmp_path, monkeypatch):
    course = course_in(tmp_path, monkeypatch)
    assert nbgrader("generate_assignment", "hw1") == 0
    monkeypatch.setattr("grader.grade.require_sandbox", lambda accept: None)
    monkeypatch.setattr(autograde_module, "grade_folders", toy_grades(only_solutions))
    honest = with_extras(answered(course, double=DOUBLE, halve=HALVE, plot_it=PLOT), "shift = 3", kernel="mine")
    kill = "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)"
    hand_in(course, "ada", tiny__ipynb=honest)
    hand_in(course, "mal", tiny__ipynb=with_extras(answered(course, double=DOUBLE, plot_it=kill), FORGE))
    hand_in(course, "non", tiny__ipynb="{ not a notebook")
    students = ("ada", "mal", "non")
    for flags in ((), ("--Autograde.execute_notebooks=True",)):
        assert nbgrader("autograde", "hw1", *flags) == 0
        found = {name: (grades(course, name), check_outputs(graded(course, name))) for name in students}
        if not flags:
            before, handed = found, cell_of(graded(course, "ada"), "plot_it").outputs
    assert found == before

    ada, mal = graded(course, "ada"), graded(course, "mal")
    [picture] = [
        output.data["image/png"] for output in cell_of(ada, "plot_it").outputs if "image/png" in output.get("data", {})
    ]
    assert len(picture) > 5_000
    assert picture not in str(handed)
    assert "3 cells have new outputs" in ada.cells[0].source
    assert "was not finished" in cell_of(mal, "plot_it").outputs[0].text
    assert cell_of(mal, "plot_it").outputs[1].data == {"image/png": PNG}
    assert "ended its own process" in mal.cells[0].source
    assert "<script>" not in str(
        [cell.outputs for cell in mal.cells if cell.cell_type == "code" and not cell.metadata.get("nbgrader")]
    )
    assert "executed again" not in graded(course, "non").cells[0].source


def only_solutions(folder, assignment, student):
    """The toy of the other tests takes all cells for graded ones; checks are never among them."""
    submission, report = toy_grade(folder, assignment, student)
    if submission is not None:
        cells = [cell for cell in submission.modules["tiny"] if cell.filename in ("cell double", "cell halve")]
        submission = replace(submission, modules={"tiny": tuple(cells)})
    return submission, report


def check_outputs(notebook):
    return [cell_of(notebook, name).outputs for name in ("check_double", "check_halve")]
