"""The system calls that are left to the kernel of a notebook; the rest of it is seen in test_gradebook_execute."""

import pytest

from grader.errors import SandboxError
from grader.gradebook import kernel
from tests.bpf import verdict
from tests.system_calls import (
    ALLOW,
    ARCHITECTURE,
    ENOSYS,
    EPERM,
    KILL,
    NEEDED,
    ONLY_X86,
    PID,
    REFUSED,
    calls,
    filter_of,
)

SUBJECTS = ("TCP", "UDP", "MPTCP", "netlink", "fork", "namespaces", "execute")  # of those refused to a worker
OF_SOCKETS = "connect bind listen sendto sendmsg sendmmsg".split()  # allowed, on sockets that are files
AF_UNIX, AF_VSOCK, STREAM = 1, 40, 1


code, answer = filter_of(kernel.program)


@pytest.fixture(params=ARCHITECTURE)
def machine(request):
    return request.param


def test_numerical_code_and_sockets_that_are_files_are_allowed(machine):
    needed = calls(NEEDED | (ONLY_X86 if machine == "x86_64" else {}), machine)
    needed += [
        ("socket", (AF_UNIX, STREAM | 0o2000000)),
        ("bind", (3,)),
        ("listen", (3,)),
        ("accept4", (3,)),
        ("connect", (3,)),
    ]
    assert [call for call in needed if answer(machine, call[0], *call[1]) != ALLOW] == []


def test_processes_programs_and_other_sockets_are_refused(machine):
    hostile = [call for call in calls({name: REFUSED[name] for name in SUBJECTS}, machine) if call[0] not in OF_SOCKETS]
    hostile += [("socket", (AF_VSOCK, STREAM)), ("ptrace", (16, 1)), ("io_uring_setup", (1,)), ("bpf", (0,))]
    assert [call for call in hostile if answer(machine, call[0], *call[1]) != EPERM] == []
    assert {"socket", "clone", "execve"} <= {name for name, _ in hostile}


def test_calls_by_another_door_end_the_process_and_new_ones_are_unknown(machine):
    assert verdict(code(machine), 0x40000003, 1) == KILL
    assert answer(machine, 0x40000000) == KILL
    assert answer(machine, "clone3") == answer(machine, 600) == ENOSYS


def test_another_machine_has_no_filter():
    with pytest.raises(SandboxError, match="x86_64 and aarch64, none for s390x"):
        kernel.program("s390x", PID)
