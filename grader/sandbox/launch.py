"""Starts the process that will hold a submission."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from grader.sandbox.channel import Channel

# One thread: a class is graded on few cores, and results must not depend on how many there are.
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "MPLBACKEND": "Agg",
    "PYTHONHASHSEED": "0",
    "LANG": "C.UTF-8",
}


CPUCLOCK_SCHED = 2  # Linux: with a process id, the clock of the time that it was scheduled (clock_getcpuclockid(3))


class Process:
    """A running worker, its channel and its private scratch folder."""

    def __init__(self) -> None:
        self.scratch = Path(tempfile.mkdtemp(prefix="grader-"))
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                # As -I, which would ignore the hash seed as well.
                [sys.executable, "-P", "-s", "-B", "-m", "grader.sandbox.worker", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=self.scratch,
                env=ENVIRONMENT
                | {"PATH": os.environ.get("PATH", ""), "HOME": str(self.scratch), "TMPDIR": str(self.scratch)},
                start_new_session=True,
            )
        self.channel = Channel(ours)

    def cpu_seconds(self) -> float | None:
        """Processor time that the process has used; None where the system does not tell."""
        try:
            return time.clock_gettime((~self._process.pid << 3) | CPUCLOCK_SCHED)
        except (OSError, AttributeError):
            return None

    def exit_text(self) -> str:
        """How the process ended, in words; empty while it runs."""
        try:
            code = self._process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            return ""
        return f"killed by signal {-code}" if code < 0 else f"exit status {code}"

    def kill(self) -> None:
        """End the process and all that it started in its session; remove its folder."""
        self.channel.close()
        if os.name == "posix":
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self.scratch, ignore_errors=True)
