import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import grader
from grader.errors import SandboxError
from grader.sandbox import bubblewrap
from grader.sandbox.process import ENVIRONMENT, PYTHON


def works():
    run = [*PYTHON[:1], "-c", ""]
    try:
        command = bubblewrap.command(run, readable=bubblewrap.libraries(), environment={}, scratch_mb=1)
    except SandboxError:
        return False
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


needs_bubblewrap = pytest.mark.skipif(not works(), reason="bubblewrap is not installed, or may not make namespaces")


def inside(code, **options):
    settings = {"readable": bubblewrap.libraries(), "environment": ENVIRONMENT, "scratch_mb": 4} | options
    command = bubblewrap.command([*PYTHON[:-1], "-c", code], **settings)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_libraries_are_those_of_the_interpreter_and_of_the_package_and_nothing_twice():
    places = bubblewrap.libraries()
    assert all(place.exists() for place in places)
    for needed in (sysconfig.get_path("stdlib"), sysconfig.get_path("purelib"), Path(grader.__file__).parent):
        assert any(Path(needed).resolve().is_relative_to(place) for place in places)
    assert not any(place != other and place.is_relative_to(other) for place in places for other in places)


def test_libraries_hold_neither_the_course_nor_a_home_folder():
    course = Path(grader.__file__).parent.parent
    places = bubblewrap.libraries()
    for private in (course / "solutions", course / "assignments", Path.home(), Path("/etc"), Path("/tmp")):
        assert not any(private.is_relative_to(place) for place in places)


def test_a_worker_cannot_read_what_is_withheld_and_all_else_as_ever(tmp_path, monkeypatch):
    packages = tmp_path / "lib/python3.11/site-packages"
    for name in ("torch/lib/libtorch.so", "torchaudio/__init__.py", "numpy/__init__.py", "jax.py", "jaxlib.cpython.so"):
        (packages / name).parent.mkdir(parents=True, exist_ok=True)
        (packages / name).touch()
    (packages / "link").symlink_to(packages / "torch")
    (tmp_path / "elsewhere").mkdir()
    places = (tmp_path / "elsewhere", tmp_path / "lib")
    monkeypatch.setattr(bubblewrap, "libraries", lambda: places)
    bubblewrap.readable.cache_clear()
    try:
        assert bubblewrap.readable() == places
        assert bubblewrap.readable("torch", "jax", "jaxlib") == (
            tmp_path / "elsewhere",
            packages / "numpy",
            packages / "torchaudio",
        )
    finally:
        bubblewrap.readable.cache_clear()


def test_a_worker_can_read_what_it_works_with_and_nothing_of_the_package_that_knows_answers():
    ours = Path(grader.__file__).parent
    places = bubblewrap.readable()
    for part in ("sandbox/worker.py", "wire/tensors.py", "data.py", "withheld.py", "__init__.py"):
        assert any((ours / part).is_relative_to(place) for place in places), part
    for part in ("oracles/layer.py", "explain/close.py", "gradients.py", "strategies", "__pycache__/gradients.pyc"):
        assert not any((ours / part).is_relative_to(place) for place in places), part


def test_the_prefix_of_a_virtual_environment_in_the_course_folder_is_not_readable(monkeypatch, tmp_path):
    (tmp_path / "lib").mkdir()
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    bubblewrap.libraries.cache_clear()
    try:
        assert tmp_path / "lib" in bubblewrap.libraries()
        assert tmp_path not in bubblewrap.libraries()
    finally:
        bubblewrap.libraries.cache_clear()


def test_site_packages_on_the_path_are_readable_and_other_folders_on_it_are_not(monkeypatch, tmp_path):
    packages = tmp_path / "site-packages"
    packages.mkdir()
    monkeypatch.setattr(sys, "path", [*sys.path, str(packages), str(tmp_path)])
    bubblewrap.libraries.cache_clear()
    try:
        assert packages in bubblewrap.libraries()
        assert tmp_path not in bubblewrap.libraries()
    finally:
        bubblewrap.libraries.cache_clear()


@needs_bubblewrap
class TestInside:
    def test_there_is_only_what_was_named_and_nothing_can_be_changed(self, tmp_path):
        for name in ("read", "hidden"):
            (tmp_path / name).write_text(name)
        code = f"""if True:
            import os
            from pathlib import Path
            folder = Path({str(tmp_path)!r})
            print(os.listdir(folder), "scratch" in os.listdir("/"), "etc" in os.listdir("/"))
            for name in ("read", "hidden", "new", "/new"):
                try:
                    (folder / name).write_text("changed")
                except OSError:
                    print("refused")
        """
        said = inside(code, readable=[*bubblewrap.libraries(), tmp_path / "read"])
        assert said.splitlines() == ["['read'] True False", *["refused"] * 4]
        assert [(tmp_path / name).read_text() for name in ("read", "hidden")] == ["read", "hidden"]
        assert not Path("/new").exists()

    def test_only_its_own_processes_and_variables_are_seen(self, monkeypatch):
        monkeypatch.setenv("SECRET", "42")
        code = "import os; print(os.getpid() < 10, len([p for p in os.listdir('/proc') if p.isdigit()]) < 5, sorted(os.environ))"
        first, second, names = inside(code, environment={"LANG": "C.UTF-8"}).split(" ", 2)
        assert (first, second) == ("True", "True")
        assert "SECRET" not in names

    def test_there_is_no_network(self):
        code = """if True:
            import socket
            try:
                socket.create_connection(("127.0.0.1", 9), timeout=2)
            except OSError as error:
                print(sorted(name for _, name in socket.if_nameindex()))
        """
        assert inside(code) == "['lo']"

    def test_its_folder_is_empty_and_has_a_quota(self):
        code = """if True:
            import os
            print(os.getcwd(), os.listdir())
            try:
                open("big", "wb").write(bytes(5 << 20))
            except OSError as error:
                print(error.strerror)
        """
        assert inside(code).splitlines() == ["/scratch []", "No space left on device"]

    def test_root_has_no_powers(self):
        code = "print([line.split()[1] for line in open('/proc/self/status') if line.startswith('CapEff')])"
        assert inside(code) == "['0000000000000000']"
