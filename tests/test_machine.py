import os
import sys
import types
from pathlib import Path

import pytest

from grader import machine
from grader.machine import GIB, MIB, cgroup_limits, cpus, gpu, memory, room, user

MEMINFO = "MemTotal:       16777216 kB\nMemFree:         1048576 kB\nMemAvailable:    {free} kB\n"


@pytest.fixture
def meminfo(tmp_path):
    """Writes what the kernel says of 16 GiB, of which some are free."""

    def write(free):
        path = tmp_path / "meminfo"
        path.write_text(MEMINFO.format(free=int(free * GIB) >> 10))
        return path

    return write


def test_enough_memory_is_good_and_little_is_told_with_what_to_do(meminfo):
    rich = memory(None, meminfo(8))
    assert (rich.value, rich.good, rich.advice) == ("16.0 GiB, 8.0 GiB of it free", True, "")
    poor = memory(None, meminfo(1.5))
    assert poor.good is None
    assert poor.advice == "a submission may use 2 GiB: free some, or set memory_mb in [limits] of assignment.toml"


def test_a_limit_of_the_control_group_counts_where_it_is_lower(meminfo):
    limited = memory(GIB, meminfo(8))
    assert limited.value == "16.0 GiB, 8.0 GiB of it free; the control group is limited to 1.0 GiB"
    assert limited.good is None
    assert memory(64 * GIB, meminfo(8)) == memory(None, meminfo(8))


def test_a_system_that_does_not_tell_its_memory_is_no_fault(tmp_path):
    assert memory(None, tmp_path / "none").good is None


def group(tmp_path, **files):
    """A mounted tree of control groups, and the file that says which one is ours."""
    inner = tmp_path / "cgroup/user/session"
    inner.mkdir(parents=True)
    (tmp_path / "own").write_text("1:name=systemd:/old\n0::/user/session\n")
    for name, content in files.items():
        folder, _, file = name.rpartition("__")
        (tmp_path / "cgroup" / folder.replace("__", "/") / file.replace("_", ".")).write_text(content)
    return tmp_path / "own", tmp_path / "cgroup"


def test_the_tightest_limit_of_the_groups_around_us_holds(tmp_path):
    own, mount = group(
        tmp_path,
        user__session__memory_max="max\n",
        user__memory_max=f"{4 * GIB}\n",
        memory_max=f"{8 * GIB}\n",
        user__session__cpu_max="150000 100000\n",
        user__cpu_max="max 100000\n",
    )
    assert cgroup_limits(own, mount) == (4 * GIB, 1.5)


def test_no_limits_and_no_control_groups_are_none(tmp_path):
    assert cgroup_limits(*group(tmp_path, user__memory_max="max\n")) == (None, None)
    assert cgroup_limits(tmp_path / "none", tmp_path) == (None, None)


def test_processors_are_those_that_may_be_used(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 3}, raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    assert cpus(None).value == cpus(4.0).value == "2 of 8"
    assert cpus(1.5).value == "2 of 8, for no more than 1.5 of them at a time (a limit of the control group)"


def fake_torch(monkeypatch, count):
    properties = types.SimpleNamespace(name="H200", total_memory=139 * GIB)
    cuda = types.SimpleNamespace(device_count=count, get_device_properties=lambda number: properties)
    monkeypatch.setitem(sys.modules, "torch", types.SimpleNamespace(cuda=cuda))


def test_accelerators_are_named_with_their_memory_and_none_is_no_fault(monkeypatch):
    fake_torch(monkeypatch, lambda: 2)
    assert (gpu().value, gpu().good) == ("H200 (139 GiB), H200 (139 GiB)", True)
    fake_torch(monkeypatch, lambda: 0)
    assert (gpu().value, gpu().good) == ("none", True)


def test_a_torch_that_cannot_be_used_is_a_fault(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    assert gpu().good is False
    assert gpu().advice


def test_root_is_told_what_is_better(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert (user().value, user().good) == ("root", None)
    assert "a user of its own" in user().advice
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(machine.getpass, "getuser", lambda: "ada")
    assert (user().value, user().good) == ("ada, not root, which is best", True)


def test_a_user_without_a_name_is_a_number(monkeypatch):
    """As in a container that is started with --user."""

    def nobody():
        raise KeyError("getpwuid(): uid not found: 1234")

    monkeypatch.setattr(os, "geteuid", lambda: 1234)
    monkeypatch.setattr(machine.getpass, "getuser", nobody)
    assert user().value == "user 1234, not root, which is best"


@pytest.mark.parametrize(("free", "good"), [(2 * GIB, True), (500 * MIB, None), (50 * MIB, False)])
def test_little_room_is_told_and_hardly_any_is_a_fault(free, good):
    fact = room(Path("/srv"), free)
    assert fact.good is good
    assert bool(fact.advice) == (good is not True)


def test_this_machine_has_them_all(tmp_path):
    facts = {fact.name: fact for fact in machine.machine(tmp_path)}
    assert set(facts) == {"processors", "memory", "gpu", "user", "disk"}
    assert all(fact.advice for fact in facts.values() if fact.good is False)


@pytest.mark.parametrize(
    ("usable", "share", "workers"), [(8, None, 8), (8, 2.5, 2), (8, 0.5, 1), (2, 16.0, 2), (1, None, 1)]
)
def test_there_are_as_many_workers_as_can_compute_at_a_time(monkeypatch, usable, share, workers):
    monkeypatch.setattr(machine, "usable_cpus", lambda: usable)
    monkeypatch.setattr(machine, "cgroup_limits", lambda: (None, share))
    assert machine.worker_count() == workers
