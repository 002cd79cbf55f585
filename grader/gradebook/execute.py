"""The experiments of a graded notebook executed again, so that an instructor sees plots that this code draws.

    graded code, rebuilt notebook → cells to run → bubblewrap: client ↔ kernel → outputs

No score depends on it. What was graded is defined first, as grading defines it; then the experiments, the cells that a
person grades and those that the student added are run in the order of the notebook. Check cells are not run. Only the
outputs of cells that ran are replaced, by text and pictures, cleaned as submitted ones are. Where a cell fails, or
draws no picture any more, what was handed in stays, and says why.

The kernel is our own Python, whatever the notebook names. It has no network, reads libraries and the released files
only, and writes to a folder in memory. From the sandbox come a bounded number of bytes within a bounded time, read as
JSON.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from nbformat import NotebookNode
from nbformat.v4 import new_output

from grader.errors import SandboxError
from grader.gradebook.feedback import literal
from grader.gradebook.outputs import PICTURES, clean_outputs, text_of
from grader.gradebook.rebuild import Rebuilt, grade_id
from grader.model import Cell, Limits
from grader.sandbox import bubblewrap
from grader.sandbox.isolate import Bounds
from grader.sandbox.launch import imports
from grader.sandbox.level import Level
from grader.sandbox.process import ENVIRONMENT

CLIENT = Path(__file__).with_name("client.py")
START_SECONDS = 60.0  # for bubblewrap, client and kernel, on a machine that has much else to do
ANSWER_BYTES = 64_000_000  # from the sandbox, for a notebook
EXTRA = "grader-extra"  # how the ids of cells begin that are in no released notebook (`grader.gradebook.rebuild`)
KEPT = "[This is the output that was handed in. Executed again, the cell {why}.]\n"
STOPPED = "[The cell was stopped: it took too long.]\n"
NOTE = "Executed again for this page, which decides no points: {again} cells have new outputs, {kept} those handed in."


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What executing a notebook may take, besides the memory and files that its submission may have anyway."""

    seconds: float  # by the clock, all cells together
    cell_seconds: float  # likewise, one cell
    limits: Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What came back of one cell."""

    outputs: Sequence[NotebookNode]
    error: str = ""  # the name of the exception that ended it
    slow: bool = False  # it was stopped


def prove() -> None:
    """Make sure that notebooks can be executed here.

    Raises:
        SandboxError: they cannot; says what to install. Nothing is ever executed without the sandbox.
    """
    allowance = Allowance(seconds=START_SECONDS, cell_seconds=START_SECONDS, limits=Limits())
    try:
        with tempfile.TemporaryDirectory() as folder:
            ran, ended = run(["print(6 * 7)"], Path(folder), allowance)
    except SandboxError as missing:
        ran, ended = {}, str(missing)
    if 0 not in ran or [output.get("text") for output in ran[0].outputs] != ["42\n"]:
        reason = ended or "a kernel starts, but does not compute"
        raise SandboxError(
            f"Notebooks are executed inside bubblewrap only, with Landlock and a system call filter, and here that "
            f"does not work: {reason}. Either {Level.A.gain}, with ipykernel in this Python and Linux 5.13 or newer; "
            "or leave Autograde.execute_notebooks off, which changes no score."
        )


def execute(rebuilt: Rebuilt, module: str, cells: Sequence[Cell], folder: Path, allowance: Allowance) -> None:
    """Put new outputs into a rebuilt notebook, and a note into its first cell.

    Args:
        module: the name of the notebook, and of the module that was graded.
        cells: the code that was graded.
        folder: what was released.
    """
    notebook = rebuilt.notebook
    positions = [position for position, cell in enumerate(notebook.cells) if is_run(cell, rebuilt.answered, cells)]
    defined = [*(defining(module, cell) for cell in cells), "__name__ = '__main__'"]
    ran, ended = run([*defined, *(notebook.cells[position].source for position in positions)], folder, allowance)
    again = 0
    for number, position in enumerate(positions, start=len(defined)):
        again += show(notebook.cells[position], ran.get(number))
    note = NOTE.format(again=again, kept=len(positions) - again)
    notebook.cells[0].source += f"\n- {literal(f'{note} {ended}'.strip())}"


def is_run(cell: NotebookNode, answered: Mapping[str, bool], cells: Sequence[Cell]) -> bool:
    """Whether a cell is an experiment, is answered and graded by a person, or is the student's own.

    A .py file is shown once more as such cells, but has been run as a whole.
    """
    about = cell.metadata.get("nbgrader", {})
    if cell.cell_type != "code" or not cell.source.strip() or (cell.get("id", "").startswith(EXTRA) and is_file(cells)):
        return False
    if about.get("grade") and about.get("solution"):
        return answered.get(grade_id(cell), False)
    return not grade_id(cell)


def is_file(cells: Sequence[Cell]) -> bool:
    """Whether a .py file was graded, not a notebook."""
    return any(not cell.filename.startswith("cell ") for cell in cells)


def defining(module: str, cell: Cell) -> str:
    """Code that defines what a graded cell defines, as grading does it: it does not think it is the main program."""
    return f"__name__ = {module!r}\nexec(compile({cell.source!r}, {cell.filename!r}, 'exec'))"


def show(cell: NotebookNode, ran: Ran | None) -> bool:
    """Give a cell its new outputs, or say why those that were handed in stay; returns whether it has new ones."""
    why = trouble(cell.outputs, ran)
    if ran is not None and not (why and cell.outputs):
        cell.outputs = [*ran.outputs, *([_told(STOPPED)] if ran.slow else [])]
        return True
    if cell.outputs:
        cell.outputs = [_told(KEPT.format(why=why)), *cell.outputs]
    return False


def trouble(handed: Sequence[NotebookNode], ran: Ran | None) -> str:
    """Why new outputs are worth less than those that were handed in; empty if they are not."""
    if ran is None:
        return "was not finished"
    if ran.slow:
        return "took too long"
    if ran.error:
        return f"ended with {ran.error}"
    return "drew no picture" if draws(handed) and not draws(ran.outputs) else ""


def draws(outputs: Sequence[NotebookNode]) -> bool:
    return any(PICTURES.keys() & output.get("data", {}).keys() for output in outputs)


def _told(text: str) -> NotebookNode:
    return new_output("stream", name="stderr", text=text)


def run(sources: Sequence[str], folder: Path, allowance: Allowance) -> tuple[dict[int, Ran], str]:
    """Execute cells in a sandbox of their own.

    Returns: what came back of each that ran, by its position in `sources`, cleaned; and why there is no more, if so.
    Raises: SandboxError, where bubblewrap is not to be had.
    """
    limits = allowance.limits
    bounds = Bounds(cpu_seconds=allowance.seconds, memory_mb=limits.memory_mb, scratch_mb=limits.scratch_mb)
    request = {
        "sources": list(sources),
        "modules": sorted(imports([Cell(filename="", source=source) for source in sources])),
        "folder": str(folder.resolve()),
        "cell_seconds": max(1, round(allowance.cell_seconds)),
        "bounds": asdict(bounds),
    }
    with started(request, limits.scratch_mb) as (process, errors):
        data, ended = receive(process, allowance.seconds)
        errors.seek(0)
        said = errors.read(20_000).decode(errors="replace").strip().splitlines()
    parts = data.split(b"\n", len(sources) + 2)  # no more than there should be
    lines = [parsed for part in parts if (parsed := _parsed(part)) is not None]
    if {} not in lines:  # no submitted code has run
        return {}, f"It did not start: {said[-1] if said else ended or _ended(lines) or 'no reason is known'}"
    ran = {line["number"]: _ran(line) for line in lines if type(line.get("number")) is int}
    ended = ended or _ended(lines)
    if not ended and len(ran) < len(sources):
        ended = "The notebook ended its own process."
    return ran, ended


@contextmanager
def started(request: dict[str, Any], scratch_mb: float) -> Iterator[tuple[subprocess.Popen[bytes], IO[bytes]]]:
    """The client in its sandbox, and the file of its errors. Nothing of it is left in the end.

    Raises:
        SandboxError: bubblewrap is not installed, or cannot be started.
    """
    scratch = str(bubblewrap.SCRATCH)
    inline = {"MPLBACKEND": "module://matplotlib_inline.backend_inline", "JOBLIB_MULTIPROCESSING": "0"}
    program, *options = bubblewrap.command(
        [sys.executable, "-P", "-B", str(CLIENT)],
        readable=[*bubblewrap.libraries(), Path(request["folder"])],
        environment=ENVIRONMENT | inline | {"HOME": scratch, "TMPDIR": scratch},
        scratch_mb=scratch_mb,
    )
    with tempfile.TemporaryFile() as asked, tempfile.TemporaryFile() as errors:
        asked.write(json.dumps(request).encode())
        asked.seek(0)
        try:
            process = subprocess.Popen(
                [program, "--die-with-parent", *options],
                stdin=asked,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
            )
        except OSError as refused:
            raise SandboxError(f"{program} cannot be started: {refused}") from None
        with process:
            try:
                yield process, errors
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)


def receive(process: subprocess.Popen[bytes], seconds: float) -> tuple[bytes, str]:
    """What a process writes within these seconds of its first byte, and why that may not be all."""
    assert process.stdout is not None
    descriptor, data = process.stdout.fileno(), bytearray()
    end = time.monotonic() + START_SECONDS
    while len(data) < ANSWER_BYTES:
        left = end - time.monotonic()
        if left <= 0 or not select.select([descriptor], [], [], left)[0]:
            return bytes(data), f"The time for a notebook was over ({seconds:g} s)."
        part = os.read(descriptor, 1 << 16)
        if not part:
            return bytes(data), ""
        if not data:
            end = time.monotonic() + seconds
        data += part
    return bytes(data), f"It gave more than {ANSWER_BYTES / 1e6:g} MB of output."


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        parsed = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, dict) else None


def _ended(lines: Sequence[Mapping[str, Any]]) -> str:
    return " ".join(text_of(line.get("ended"), 300) for line in lines[-1:])


def _ran(line: dict[str, Any]) -> Ran:
    outputs = line.get("outputs")
    errors = [
        text_of(output.get("ename"), 100)
        for output in (outputs if isinstance(outputs, list) else ())
        if isinstance(output, dict) and output.get("output_type") == "error"
    ]
    return Ran(outputs=clean_outputs(outputs), error=" ".join(errors[-1:]), slow=line.get("slow") is True)
