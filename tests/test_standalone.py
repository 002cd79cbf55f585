import time

from grader.model import Limits
from grader.sandbox.process import Spawned
from grader.wire import pack


def test_a_worker_that_is_started_afresh_has_limits_and_its_libraries():
    process = Spawned(Limits(memory_mb=512, scratch_mb=1, cpu_seconds=7), ["json", "there_is_no_such_module"])
    try:
        code = (
            "import resource, sys\n"
            "assert resource.getrlimit(resource.RLIMIT_CPU) == (7, 8)\n"
            "assert resource.getrlimit(resource.RLIMIT_FSIZE) == (1 << 20, 1 << 20)\n"
            "try:\n    bytearray(600 << 20)\nexcept MemoryError:\n    done = 1\n"
        )
        process.channel.send(pack(["load", "call", ["m"], [["l", ["t", "m.py", code]]], {}], []))
        (_, _, _, (_, kinds, failures)), _ = process.channel.receive(time.monotonic() + 20)
        assert failures == ["l"]
        assert "done" in kinds
    finally:
        process.kill()
