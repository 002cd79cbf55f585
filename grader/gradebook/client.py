"""The client of a notebook's kernel, inside bubblewrap with it; `grader.gradebook.execute` runs this file as a program.

It reads a request from standard input, has a kernel (`grader.gradebook.kernel`) execute the cells one by one, and
writes lines of JSON: {} once the kernel is ready, for each cell {"number", "outputs", "slow"}, and {"ended": why} where
it goes no further. So what a kernel sends, of whatever size and form, is read in the sandbox only, and what leaves it
is text.

Client and kernel run as the same user, so a hostile notebook may yet end or imitate its client where Landlock is old.
It gains nothing: whatever it would have the client say, it can print.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    logging.disable()
    sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]  # takes a second to load, to check addresses

import zmq.asyncio
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient.client import NotebookClient
from nbclient.exceptions import DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook

from grader.sandbox.bubblewrap import SCRATCH
from grader.sandbox.isolate import Bounds, limit

MIB = 1 << 20
KERNEL = Path(__file__).with_name("kernel.py")
WORK = SCRATCH / "work"  # what the notebook sees as its folder
CONNECTION = SCRATCH / "run/kernel.json"  # beside it, the sockets
START_SECONDS = 60
LATE_SECONDS = 2  # for outputs that arrive after the end of their cell
MEMORY_MB = 768.0  # MiB for the client, on top of its libraries
MESSAGE_BYTES = 16 * MIB  # the connection that a longer message comes by is cut, and made anew
CELL_BYTES, CELL_OUTPUTS = 10 * MIB, 2_000  # what is kept of one cell
OUTPUTS = ("stream", "display_data", "execute_result", "update_display_data", "error")
ABOUT = ("status", "clear_output")
TOO_SLOW = "TooSlow"  # what the error of a cell that was stopped is called
Json = dict[str, Any]


class Manager(AsyncKernelManager):
    """Starts our kernel, whatever a notebook asks for."""

    arguments: tuple[str, ...] = ()

    @property
    def kernel_spec(self) -> KernelSpec:
        return KernelSpec(argv=[sys.executable, "-P", "-B", str(KERNEL), "{connection_file}", *self.arguments])


class Client(NotebookClient):
    """Executes a notebook whatever its cells do, and keeps a bounded part of what they send."""

    def __init__(self, request: Json) -> None:
        context = zmq.asyncio.Context()
        context.setsockopt(zmq.MAXMSGSIZE, MESSAGE_BYTES)
        manager = Manager(transport="ipc", connection_file=str(CONNECTION), context=context)
        manager.arguments = tuple(json.dumps(request[name]) for name in ("bounds", "folder", "modules"))
        super().__init__(
            new_notebook(cells=[new_code_cell(source) for source in request["sources"]]),
            manager,
            timeout=request["cell_seconds"],
            startup_timeout=START_SECONDS,
            iopub_timeout=LATE_SECONDS,
            allow_errors=True,
            interrupt_on_timeout=True,
            error_on_timeout={"ename": TOO_SLOW, "evalue": "", "traceback": []},
            on_cell_error=self._see_error,
            coalesce_streams=True,
            store_widget_state=False,
            ipython_hist_file="",  # or it is named to the kernel, behind our own arguments
        )
        self._bounds, self._kept, self._slow = Bounds(**request["bounds"]), 0, False

    def run(self) -> None:
        """Execute all cells, as far as it goes, and tell what comes of them."""
        with self.setup_kernel(cwd=str(WORK), stdout=os.open(os.devnull, os.O_WRONLY)):
            limit(Bounds(cpu_seconds=self._bounds.cpu_seconds, memory_mb=MEMORY_MB, scratch_mb=1))
            tell({})
            for number, cell in enumerate(self.nb.cells):
                self._kept, self._slow = 0, False
                self.execute_cell(cell, number)
                tell({"number": number, "outputs": cell.outputs, "slow": self._slow})

    def process_message(self, msg: Json, cell: NotebookNode, cell_index: int) -> NotebookNode | None:
        if msg["msg_type"] in OUTPUTS:
            self._kept += len(json.dumps(msg["content"]))
            if self._kept > CELL_BYTES or len(cell.outputs) >= CELL_OUTPUTS:
                return None
        elif msg["msg_type"] not in ABOUT:  # widgets
            return None
        return super().process_message(msg, cell, cell_index)

    def _see_error(self, cell: NotebookNode, cell_index: int, execute_reply: Json) -> None:
        self._slow = execute_reply["content"].get("ename") == TOO_SLOW


def prepare(folder: Path) -> None:
    """Make the notebook's folder, with all that was released beside the notebooks."""
    CONNECTION.parent.mkdir()
    WORK.mkdir()
    for path in folder.iterdir():
        if path.suffix != ".ipynb":
            (WORK / path.name).symlink_to(path)


def tell(line: Json) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def main() -> None:
    request = json.load(sys.stdin)
    prepare(Path(request["folder"]))
    try:
        Client(request).run()
    except DeadKernelError:
        tell({"ended": "The notebook ended its own process, or used more memory or time than it may."})
    except Exception as problem:  # anything that nbclient raises on messages that no kernel would send
        tell({"ended": f"What its kernel sent cannot be read ({type(problem).__name__}: {problem})."[:300]})


if __name__ == "__main__":
    main()
