"""A worker that is started afresh: it has limits, but nothing keeps it from what the user who grades can do.

Runs as `python -m grader.sandbox.standalone DESCRIPTORS BOUNDS MODULES...`, in its scratch folder. The descriptors are
of its channel and, if there is any, of the memory that it shares, joined by a comma. The modules are loaded before its
memory is limited, because libraries take more than they use.
"""

from __future__ import annotations

import importlib
import json
import socket
import sys
from contextlib import suppress
from pathlib import Path

from grader.derandomised import derandomise
from grader.sandbox.channel import Channel
from grader.sandbox.isolate import Bounds, keep_only, limit
from grader.sandbox.worker import Worker
from grader.withheld import Withheld


def main() -> None:
    descriptors, bounds, *modules = sys.argv[1:]
    channel, *shared = map(int, descriptors.split(","))
    keep_only(channel, *shared)
    allowed = Bounds(**json.loads(bounds))
    for name in modules:
        with suppress(ImportError):  # the submission imports it, too, and is told
            importlib.import_module(name)
    if "hypothesis" in sys.modules:
        derandomise()
    limit(allowed)
    Withheld(allowed.withheld).install()
    Worker(Channel(socket.socket(fileno=channel)), Path.cwd(), *shared).serve()


if __name__ == "__main__":
    main()
