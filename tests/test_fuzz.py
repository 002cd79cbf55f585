import random
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.errors import WireError
from tests import fuzz_target
from tests.fuzz_target import Bytes, End, one, use


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=300))
def test_whatever_a_worker_answers_is_a_value_or_an_error_that_is_meant_for_it(data):
    one(data)


def test_a_broken_reader_is_found(monkeypatch):
    def broken(call, message, buffers, news):
        raise KeyError("no such tag")

    monkeypatch.setattr(fuzz_target.Call, "run", broken)
    with pytest.raises(KeyError):
        one(b"")


def test_frames_reach_values_changes_and_errors(monkeypatch):
    """Not all of them end at the first check of the reader."""
    ends = []

    def told(call, message, buffers, news):
        try:
            value = run(call, message, buffers, news)
        except Exception as error:
            ends.append(type(error).__mro__[1].__name__ if "Raised" in str(type(error).__mro__) else str(error))
            raise
        ends.append("value")
        return value

    run = fuzz_target.Call.run
    monkeypatch.setattr(fuzz_target.Call, "run", told)
    source = random.Random(0)
    for _ in range(3000):
        one(source.randbytes(255))
    assert {"value", "SubmissionRaised", "a change names no argument", "a reference names no value"} <= set(ends)
    assert len(set(ends)) > 25


def test_bytes_run_out_into_zeros():
    source = Bytes(b"\x05")
    assert (source.below(256), source.below(256), source.take(3)) == (5, 0, b"")


def test_the_other_end_sends_what_it_has_and_hangs_up():
    end, room = End(b"abc"), bytearray(2)
    assert [end.recv_into(memoryview(room)) for _ in range(3)] == [2, 1, 0]


def test_values_are_looked_at_to_the_last_part():
    class Trap:
        def __repr__(self):
            raise WireError("seen")

    with pytest.raises(WireError, match="seen"):
        use({"a": [(1, {"b": Trap()})]})


def test_without_atheris_the_command_says_what_to_install():
    code = "import sys; sys.modules['atheris'] = None\nimport tests.fuzz\ntests.fuzz.main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "pip install" in done.stderr
