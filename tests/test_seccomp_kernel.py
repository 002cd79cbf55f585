"""The filter in the kernel of this machine, in processes of their own."""

import json
import os
import platform
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from grader.sandbox import seccomp
from tests.system_calls import NUMBERS, PARENT, PID, REFUSED, calls

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() not in NUMBERS,
    reason="there is no system call filter for this machine",
)

HONEST = {
    "numpy": """
        import numpy as np
        np.savez("a.npz", a=np.eye(300) @ np.eye(300))
        assert np.load("a.npz")["a"].sum() == 300
        np.linalg.svd(np.random.default_rng().normal(size=(50, 50)))
        np.memmap("m.bin", mode="w+", shape=100)[:] = 1
    """,
    "torch": """
        import torch
        torch.set_num_threads(2)
        x = torch.randn(300, 300, requires_grad=True)
        (x @ x).sum().backward()
        layer = torch.nn.Conv2d(3, 8, 3)
        optimizer = torch.optim.Adam(layer.parameters())
        layer(torch.randn(2, 3, 16, 16)).sum().backward()
        optimizer.step()
        torch.randn(2_000_000).exp().sum()
        torch.save({"x": x}, "m.pt")
        assert torch.equal(torch.load("m.pt", mmap=True)["x"], x)
    """,
    "matplotlib": """
        import matplotlib
        matplotlib.use("Agg")
        import matplotlib.pyplot as plt
        plt.plot([1, 2])
        plt.savefig("p.png")
        plt.savefig("p.pdf")
    """,
    "threads": """
        import threading
        from concurrent.futures import ThreadPoolExecutor
        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(str, range(9)))[8] == "8"
        thread = threading.Thread(target=print)
        thread.start()
        thread.join()
    """,
    "temporary files": """
        import os, shutil, tempfile, zipfile
        with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as file:
            file.write(b"x")
            with zipfile.ZipFile(folder + "/z.zip", "w") as z:
                z.writestr("a", "b")
            os.rename(folder + "/z.zip", folder + "/y.zip")
            shutil.copyfile(folder + "/y.zip", "x.zip")
    """,
    "asyncio": """
        import asyncio
        async def main():
            await asyncio.sleep(0)
            return await asyncio.to_thread(str, 1)
        assert asyncio.run(main()) == "1"
    """,
    "random": "import json, random, uuid; json.dumps(random.random()); uuid.uuid4()",
    "signals to itself": """
        import os, signal, threading, time
        got = []
        signal.signal(signal.SIGALRM, lambda *_: got.append(1))
        signal.setitimer(signal.ITIMER_REAL, 0.001)
        signal.sigtimedwait([], 0.001)
        while not got:
            time.sleep(0.001)
        os.kill(os.getpid(), 0)
        signal.pthread_kill(threading.get_ident(), 0)
    """,
    "a pair of sockets": """
        import select, socket
        a, b = socket.socketpair()
        a.settimeout(1)
        a.sendall(b"x")
        assert select.select([b], [], [], 1)[0]
        assert b.recv(1) == b"x"
    """,
    "limits": "import resource; resource.setrlimit(resource.RLIMIT_CORE, (0, 0))",
    "terminals": "import os; assert not os.isatty(os.open('f', os.O_RDWR | os.O_CREAT))",
    "processors": "import os, platform; os.sched_getaffinity(0); os.cpu_count(); platform.platform()",
}
HOSTILE = {
    "os.fork": "import os; os.fork()",
    "os.posix_spawn": "import os; os.posix_spawn('/bin/true', ['true'], {})",
    "os.execv": "import os; os.execv('/bin/true', ['true'])",
    "subprocess.run": "import subprocess; subprocess.run(['true'])",
    "os.system": "import os\nif os.system('true') == 127 << 8: raise PermissionError(1, '')",  # as of a shell that does not start
    "TCP": "import socket; socket.create_server(('127.0.0.1', 0))",
    "UDP": "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
    "MPTCP": "import socket; socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)",
    "netlink": "import socket; socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
    "datagrams to a path": "import socket; a, b = socket.socketpair(type=socket.SOCK_DGRAM); a.sendto(b'x', '/dev/log')",
    "passing descriptors": "import socket; a, b = socket.socketpair(); socket.send_fds(a, [b'x'], [1])",
    "a signal of one's choice": "import fcntl, os; fcntl.fcntl(0, fcntl.F_SETOWN, os.getppid())",
    "os.chmod": "import os; os.chmod('.', 0o777)",
    "prlimit of the parent": "import os, resource; resource.prlimit(os.getppid(), resource.RLIMIT_CPU)",
    "affinity of the parent": "import os; os.sched_setaffinity(os.getppid(), {0})",
    "a signal to the parent": "import os; os.kill(os.getppid(), 0)",
    "a signal to the group": "import os; os.killpg(0, 0)",
    "a new session": "import os; os.setsid()",
    "a named pipe": "import os; os.mkfifo('fifo')",
}
DANGEROUS = {"vhangup"}  # takes no arguments that would make it harmless

CHILD = """
import ctypes, errno, json, os, sys, traceback
from grader.sandbox import seccomp
honest, hostile, raw = json.load(sys.stdin)
seccomp.install(os.getpid())
libc = ctypes.CDLL(None, use_errno=True)
out = {}
for name, source in honest.items():
    try:
        exec(source, {"__name__": "honest"})
        out["honest", name] = ""
    except BaseException:
        out["honest", name] = traceback.format_exc()
for name, source in hostile.items():
    try:
        exec(source, {"__name__": "hostile"})
        out["hostile", name] = "succeeded"
    except OSError as refused:
        out["hostile", name] = errno.errorcode.get(refused.errno, "")
for name, number, arguments in raw:
    ctypes.set_errno(0)
    result = libc.syscall(ctypes.c_long(number), *map(ctypes.c_long, arguments))
    out["raw", name] = errno.errorcode.get(ctypes.get_errno(), "") if result == -1 else f"returned {result}"
    assert os.getpid() == int(os.readlink("/proc/self"))
try:
    seccomp.install(os.getpid())
except Exception as refused:
    out["again", ""] = f"{type(refused).__name__}: {refused}"
print("\\n" + json.dumps([[*key, value] for key, value in out.items()]))
"""


def python(source, folder, stdin=""):
    """Run a program in a process of its own, in this folder."""
    surroundings = os.environ | {"HOME": str(folder), "TMPDIR": str(folder), "MPLCONFIGDIR": str(folder)}
    surroundings |= {"PYTHONPATH": str(Path(seccomp.__file__).parents[2]), "OMP_NUM_THREADS": "2"}
    command = [sys.executable, "-B", "-c", textwrap.dedent(source)]
    return subprocess.run(
        command, cwd=folder, env=surroundings, input=stdin, capture_output=True, text=True, timeout=300
    )


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """What became of each honest and each hostile piece in a process under the filter, by kind and name."""
    raw = [
        (
            f"{name}{arguments}",
            NUMBERS[platform.machine()][name],
            [os.getpid() if a == PARENT else a for a in arguments],
        )
        for name, arguments in calls(REFUSED, platform.machine())
        if name not in DANGEROUS and PID not in arguments
    ]
    snippets = {name: textwrap.dedent(source) for name, source in HONEST.items()}
    ran = python(CHILD, tmp_path_factory.mktemp("live"), json.dumps([snippets, HOSTILE, raw]))
    assert ran.returncode == 0, ran.stderr
    return {(kind, name): outcome for kind, name, outcome in json.loads(ran.stdout.splitlines()[-1])}


@pytest.mark.parametrize("name", HONEST)
def test_honest_code_works_under_the_filter(outcomes, name):
    assert outcomes["honest", name] == ""


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_code_is_refused_by_the_kernel(outcomes, name):
    assert outcomes["hostile", name] == "EPERM"


def test_the_kernel_refuses_what_the_interpreter_says_is_refused(outcomes):
    raw = {name: outcome for (kind, name), outcome in outcomes.items() if kind == "raw"}
    assert len(raw) > 100
    assert {name: outcome for name, outcome in raw.items() if outcome != "EPERM"} == {}


def test_nothing_can_be_done_to_the_filter_once_it_is_there(outcomes):
    assert outcomes["again", ""] == "SandboxError: the system call filter is refused: Operation not permitted"


INSTALL = "import ctypes, os, threading; from grader.sandbox import seccomp; seccomp.install(os.getpid())\n"


@pytest.mark.skipif(platform.machine() != "x86_64", reason="x32 and int 0x80 are of x86-64")
@pytest.mark.parametrize(
    "source",
    [
        "ctypes.CDLL(None).syscall(ctypes.c_long(0x40000000 + 39))",
        # mov eax, 20 (getpid of i386); int 0x80; ret
        """
        import mmap
        page = mmap.mmap(-1, 4096, prot=7)
        page.write(bytes([0xB8, 20, 0, 0, 0, 0xCD, 0x80, 0xC3]))
        ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()
        """,
    ],
    ids=["x32", "i386"],
)
def test_the_other_interfaces_of_the_kernel_end_the_process(tmp_path, source):
    ran = python(INSTALL + textwrap.dedent(source), tmp_path)
    assert ran.returncode == -signal.SIGSYS, ran.stderr


def test_a_thread_that_was_there_before_is_filtered_as_well(tmp_path):
    source = """
    import os, threading
    from grader.sandbox import seccomp
    ready, filtered, refused = threading.Event(), threading.Event(), []
    def early():
        ready.set()
        filtered.wait()
        try:
            os.fork()
        except PermissionError:
            refused.append(True)
    thread = threading.Thread(target=early)
    thread.start()
    ready.wait()
    seccomp.install(os.getpid())
    filtered.set()
    thread.join()
    print(refused)
    """
    assert python(source, tmp_path).stdout == "[True]\n"
