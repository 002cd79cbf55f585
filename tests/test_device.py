"""Memory that two processes have, clocks, and what is said where a device is missing."""

import os
import subprocess
import sys

import pytest
import torch

from grader import device
from grader.device import CPU, DEVICES

needs_memfd = pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="this system has no files in memory")


def test_what_one_process_writes_the_other_reads():
    arena = CPU().arena(4096)
    code = "import sys; from grader.device import CPU; CPU().opened({'size': 4096}, int(sys.argv[1]))[:3] = 7"
    subprocess.run([sys.executable, "-c", code, str(arena.descriptor)], pass_fds=[arena.descriptor], check=True)
    assert arena.memory[:4].tolist() == [7, 7, 7, 0]
    arena.close()


@needs_memfd
def test_nobody_can_shorten_it_under_our_feet():
    arena = CPU().arena(4096)
    with pytest.raises(PermissionError):
        os.ftruncate(arena.descriptor, 0)
    arena.close()


def test_a_system_without_files_in_memory_has_files(monkeypatch):
    monkeypatch.delattr(os, "memfd_create", raising=False)
    arena = CPU().arena(4096)
    other = CPU().opened(arena.grant, arena.descriptor)
    other[0] = 9
    assert arena.memory[0] == 9
    arena.close()


class TestSeconds:
    def test_waiting_for_a_processor_does_not_count(self):
        assert CPU().seconds(3.0, 1.0, 2.0) == 1.0

    def test_work_of_all_threads_counts(self):
        assert CPU().seconds(1.0, 4.0, 0.0) == 4.0

    def test_sleeping_counts(self):
        assert CPU().seconds(3.0, 1.0, 0.0) == 3.0

    @pytest.mark.parametrize(("computed", "waited"), [(None, 1.0), (1.0, None)])
    def test_where_the_system_does_not_tell_the_clock_decides(self, computed, waited):
        assert CPU().seconds(3.0, computed, waited) == 3.0

    def test_a_gpu_works_on_while_its_process_waits(self):
        assert DEVICES["cuda"].seconds(3.0, 1.0, 2.0) == 3.0

    def test_main_memory_tells_nothing_of_a_gpu(self):
        assert CPU().taken(7) == 7
        assert DEVICES["cuda"].taken(7) is None


class TestProcessor:
    def test_the_cache_is_the_last_that_a_core_has_to_itself(self, tmp_path, monkeypatch):
        for number, (level, size) in enumerate(((1, "48K"), (1, "?"), (2, "2M"), (3, "33M"))):
            (tmp_path / f"index{number}").mkdir()
            (tmp_path / f"index{number}" / "level").write_text(f"{level}\n")
            (tmp_path / f"index{number}" / "size").write_text(size + "\n")
        monkeypatch.setattr(device, "CACHES", tmp_path)
        assert CPU().cache_bytes() == 2 << 20
        monkeypatch.setattr(device, "CACHES", tmp_path / "none")
        assert CPU().cache_bytes() == device.CACHE

    def test_it_is_there_and_has_a_name_and_memory(self):
        assert CPU().missing() == ""
        assert CPU().label().endswith("one thread")
        assert CPU().memory_bytes() > 1 << 28
        assert CPU().clock() is None
        CPU().synchronise()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_why_there_is_no_gpu_is_said(monkeypatch):
    monkeypatch.setattr(torch.version, "cuda", None)
    assert "without CUDA" in DEVICES["cuda"].missing()
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    assert "no GPU" in DEVICES["cuda"].missing()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="takes a GPU")
def test_a_gpu_has_memory_that_another_process_opens_and_a_clock():
    gpu = DEVICES["cuda"]
    arena = gpu.arena(4096)
    arena.memory.zero_()
    code = (
        "import json, sys; from grader.device import DEVICES; g = DEVICES['cuda'];"
        "grant = eval(sys.argv[1]); m = g.opened(grant, None); m[:3] = 7; g.synchronise()"
    )
    subprocess.run([sys.executable, "-c", code, repr(arena.grant)], check=True)
    assert arena.memory[:4].tolist() == [7, 7, 7, 0]
    assert gpu.clock() > 1e8
    assert gpu.cache_bytes() > 0
    assert gpu.memory_bytes() > 0
    assert "sm_" in gpu.label()
