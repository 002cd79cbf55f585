import ctypes
import errno
import os
import platform
import sys
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.errors import SandboxError
from grader.sandbox import seccomp
from tests.bpf import verdict
from tests.system_calls import (
    ALLOW,
    ARCHITECTURE,
    ENOSYS,
    ENOTTY,
    EPERM,
    KILL,
    NEEDED,
    NUMBERS,
    ONLY_X86,
    OTHER_ERRORS,
    PID,
    REFUSED,
    THREAD,
    calls,
    filter_of,
)

I386, ARM, S390X = 0x40000003, 0x40000028, 0x80000016


code, answer = filter_of(seccomp.program)


@pytest.fixture(params=ARCHITECTURE)
def machine(request):
    return request.param


def test_what_numerical_code_needs_is_allowed(machine):
    needed = calls(NEEDED | (ONLY_X86 if machine == "x86_64" else {}), machine)
    assert [call for call in needed if answer(machine, call[0], *call[1]) != ALLOW] == []
    assert len(needed) == sum(map(len, [*NEEDED.values(), *(ONLY_X86.values() if machine == "x86_64" else ())]))


def test_every_attack_by_a_system_call_is_refused(machine):
    assert [call for call in calls(REFUSED, machine) if answer(machine, call[0], *call[1]) != EPERM] == []


def test_every_attack_exists_on_some_machine_and_most_exist_on_both():
    names = {name for cases in REFUSED.values() for name, *_ in cases}
    assert names <= NUMBERS["x86_64"].keys()
    assert len(names & NUMBERS["aarch64"].keys()) > 0.75 * len(names)


def test_what_programs_ask_for_and_can_do_without_fails_as_if_it_did_not_exist(machine):
    for name, (expected, *arguments) in calls(OTHER_ERRORS, machine):
        assert answer(machine, name, *arguments) == expected, (name, arguments)


def test_every_number_has_an_answer_and_only_what_is_listed_is_allowed(machine):
    listed = {
        NUMBERS[machine][name] for name in seccomp.ALLOWED | seccomp.rules(PID).keys() if name in NUMBERS[machine]
    }
    patterns = [(0,) * 6, (1,) * 6, (-1,) * 6, (PID,) * 6, (THREAD,) * 6, (1, 1, 0, 0, 0, 0)]
    for number, arguments in product(range(1025), patterns):
        found = answer(machine, number, *arguments)
        if number > max(NUMBERS[machine].values()):
            assert found == ENOSYS, number
        elif number not in listed:
            assert found == (ENOSYS if number == NUMBERS[machine]["clone3"] else EPERM), number
        else:
            assert found in {ALLOW, EPERM, ENOSYS, ENOTTY}, number


def test_the_allow_list_names_calls_that_exist_and_no_attack():
    known = NUMBERS["x86_64"].keys() | NUMBERS["aarch64"].keys()
    ruled = seccomp.rules(PID).keys()
    assert seccomp.ALLOWED | ruled <= known
    assert not seccomp.ALLOWED & ruled
    assert not seccomp.ALLOWED & {name for cases in REFUSED.values() for name, *_ in cases}


@pytest.mark.parametrize("number", [0x40000000, 0x40000000 + 39, 0x40000000 + 520, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
def test_numbers_of_x32_end_the_process(machine, number):
    assert answer(machine, number) == KILL


@pytest.mark.parametrize("foreign", [0, I386, ARM, S390X, 0xFFFFFFFF])
def test_calls_of_another_architecture_end_the_process(machine, foreign):
    assert {verdict(code(machine), foreign, number) for number in range(1025)} == {KILL}


def test_each_machine_refuses_the_numbers_of_the_other():
    for machine, other in (("x86_64", "aarch64"), ("aarch64", "x86_64")):
        assert verdict(code(machine), ARCHITECTURE[other], NUMBERS[other]["getpid"]) == KILL


def test_a_program_is_short(machine):
    assert len(code(machine)) < 512


@given(flags=st.one_of(st.integers(0, 2**64 - 1), st.builds(lambda bit: THREAD ^ (1 << bit), st.integers(0, 63))))
def test_clone_makes_plain_threads_and_nothing_else(flags):
    plain = flags in (THREAD, THREAD | 0x400000)
    assert {answer(machine, "clone", flags) for machine in NUMBERS} == {ALLOW if plain else EPERM}


@given(
    name=st.sampled_from(["kill", "tgkill"]),
    word=st.integers(0, 2**32 - 1) | st.just(PID),
    above=st.integers(0, 2**32 - 1),
)
def test_the_kernel_reads_a_pid_from_the_low_half_and_so_does_the_filter(name, word, above):
    expected = {ALLOW if word == PID else EPERM}
    assert {answer(machine, name, above << 32 | word, 0, 0) for machine in NUMBERS} == expected


@given(option=st.integers(0, 2**64 - 1) | st.integers(0, 100))
def test_prctl_and_fcntl_know_only_their_short_lists(option):
    for machine in NUMBERS:
        assert (answer(machine, "prctl", option) == ALLOW) == (option % 2**32 in (15, 16, 51, 64, 0x53564D41))
        assert (answer(machine, "fcntl", 0, option) == ALLOW) == (option % 2**32 in (*range(8), 36, 37, 38, 1030, 1032))


def test_a_machine_without_tables_is_told():
    with pytest.raises(SandboxError, match="x86_64 and aarch64, none for riscv64"):
        seccomp.program("riscv64", PID)


def test_a_system_other_than_linux_is_told(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(SandboxError, match="needs Linux, this is darwin"):
        seccomp.install(PID)


class Kernel:
    """Stands in for the C library: answers prctl and seccomp with these numbers."""

    def __init__(self, prctl, seccomp):
        self.prctl = lambda *arguments: prctl
        self.syscall = lambda *arguments: seccomp


@pytest.mark.skipif(sys.platform != "linux", reason="seccomp is Linux's")
@pytest.mark.parametrize(
    ("kernel", "reason"),
    [
        (Kernel(-1, 0), os.strerror(errno.EACCES)),
        (Kernel(0, -1), os.strerror(errno.EACCES)),
        (Kernel(0, 77), "thread 77 has another filter"),
    ],
)
def test_a_kernel_that_refuses_is_told(monkeypatch, kernel, reason):
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: kernel)
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    ctypes.set_errno(errno.EACCES)
    with pytest.raises(SandboxError, match=f"the system call filter is refused: {reason}"):
        seccomp.install(PID)
