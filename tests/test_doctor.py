import importlib.metadata
import os
import platform
import sqlite3
import subprocess
import sys

import pytest

from grader import doctor
from grader.doctor import course, diagnose, exchange, gradebook, isolation, namespaces, others, private, versions
from grader.errors import SandboxError
from grader.grade import REFUSED
from grader.sandbox import bubblewrap, launch
from grader.sandbox.level import Layer, Level
from grader.sandbox.probe import Attempt

OURS = "from pathlib import Path\nfrom grader.gradebook import configure\nc = get_config()\nconfigure(c, Path(__file__).parent)\n"
ATTEMPT = Attempt(frozenset({Layer.SECCOMP}), "fork", "PermissionError: Operation not permitted", True)


def machine_with(monkeypatch, level, **missing):
    """A machine whose strongest level is this one."""
    sandbox = launch.Sandbox(level)
    sandbox.attempts = [] if level is Level.E else [ATTEMPT]
    monkeypatch.delenv(launch.VARIABLE, raising=False)
    monkeypatch.setattr(launch, "find", lambda: (sandbox, {Level(name): why for name, why in missing.items()}))


def by_name(facts):
    return {fact.name: fact for fact in facts}


def no_fault_without_advice(facts):
    return all(fact.advice for fact in facts if fact.good is False)


# The sandbox


def test_the_strongest_level_is_good_and_nothing_is_left_to_say(monkeypatch):
    machine_with(monkeypatch, Level.A)
    facts, attempts = isolation()
    assert [(fact.name, fact.value, fact.good) for fact in facts] == [("level", Level.A.label, True)]
    assert attempts == (ATTEMPT,)


def test_a_weaker_level_says_what_it_lacks_and_how_to_get_each_stronger_one(monkeypatch):
    machine_with(monkeypatch, Level.C, A="bwrap cannot be started", B="this kernel's Landlock is too old")
    monkeypatch.setattr(doctor, "namespaces", list)
    facts, _ = isolation()
    assert facts[0].good
    assert [fact.value for fact in facts if fact.name == "a submission"] == [Level.B.lost, Level.C.lost]
    named = by_name(facts)
    assert named["level A"].value == "not to be had: bwrap cannot be started"
    assert (named["level A"].advice, named["level B"].advice) == (Level.A.gain, Level.B.gain)


def test_without_isolation_grading_refuses_and_the_way_out_is_said(monkeypatch):
    machine_with(monkeypatch, Level.E, D="level D takes root")
    facts, attempts = isolation()
    assert (facts[0].good, facts[0].advice) == (False, REFUSED)
    assert [fact.value for fact in facts if fact.name == "a submission"] == [Level.E.lost]
    assert attempts == ()


def test_a_level_that_is_asked_for_is_the_one_that_counts(monkeypatch):
    machine_with(monkeypatch, Level.A)
    monkeypatch.setenv(launch.VARIABLE, "E")
    launch.close()
    facts = by_name(isolation()[0])
    assert facts["level"].good is False
    assert facts[launch.VARIABLE].value == "asks for level E"
    assert "then the level is A" in facts[launch.VARIABLE].advice


def test_a_level_that_is_asked_for_in_vain_is_a_fault(monkeypatch):
    machine_with(monkeypatch, Level.B)
    monkeypatch.setenv(launch.VARIABLE, "Z")
    launch.close()
    facts, attempts = isolation()
    assert [(fact.name, fact.good) for fact in facts] == [(launch.VARIABLE, False)]
    assert "'Z'; a level is one of A, B, C, D, E" in facts[0].value
    assert attempts == ()


@pytest.mark.parametrize(
    ("setting", "value", "refused"),
    [
        ("apparmor_restrict_unprivileged_userns", "1", True),
        ("apparmor_restrict_unprivileged_userns", "0", False),
        ("unprivileged_userns_clone", "0", True),
        ("unprivileged_userns_clone", "1", False),
    ],
)
def test_settings_that_keep_users_from_bubblewrap_are_named_with_what_to_set(tmp_path, setting, value, refused):
    (tmp_path / "kernel").mkdir()
    (tmp_path / "kernel" / setting).write_text(value + "\n")
    facts = list(namespaces(tmp_path))
    assert len(facts) == refused
    if refused:
        assert f"sudo sysctl kernel.{setting}={1 - int(value)}" in facts[0].advice


# Versions


def test_every_package_has_its_version(monkeypatch):
    facts = by_name(versions())
    assert {"python", *doctor.PACKAGES, "kernel"} <= facts.keys()
    assert all(facts[name].good for name in doctor.PACKAGES)
    assert facts["numpy"].value == importlib.metadata.version("numpy")


def test_a_package_that_is_missing_is_a_fault(monkeypatch):
    monkeypatch.setattr(doctor, "PACKAGES", ("no-such-package-of-this-course",))
    missing = by_name(versions())["no-such-package-of-this-course"]
    assert (missing.value, missing.good) == ("not installed", False)
    assert "pip install" in missing.advice


@pytest.mark.skipif(sys.platform != "linux", reason="bubblewrap and Landlock are Linux's")
def test_bubblewrap_is_named_with_version_and_place_or_as_missing(monkeypatch):
    monkeypatch.setattr(bubblewrap.shutil, "which", lambda name: None)
    assert (by_name(versions())["bubblewrap"].value, by_name(versions())["bubblewrap"].good) == ("none", None)
    monkeypatch.setattr(bubblewrap.shutil, "which", lambda name: sys.executable)
    assert by_name(versions())["bubblewrap"].value == f"Python {platform.python_version()} ({sys.executable})"


@pytest.mark.skipif(sys.platform != "linux", reason="Landlock is Linux's")
@pytest.mark.parametrize(("version", "value"), [(7, "version 7"), (0, "none")])
def test_the_version_of_landlock_is_the_kernels_own(monkeypatch, version, value):
    monkeypatch.setattr("grader.sandbox.landlock.version", lambda: version)
    assert by_name(versions())["landlock"].value == value


# The course


def course_in(folder, source=OURS):
    """A course folder that nobody else can enter."""
    root = folder / "course"
    for name in ("solutions", "submitted"):
        (root / name).mkdir(parents=True)
    (root / "nbgrader_config.py").write_text(source)
    root.chmod(0o700)
    return root


@pytest.fixture(autouse=True)
def quiet(tmp_path, monkeypatch):
    """No settings of the user's own take part."""
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path / "jupyter"))
    monkeypatch.setenv("GRADER_EXCHANGE", str(tmp_path / "exchange"))
    yield
    launch.close()


def test_a_course_that_is_set_up_has_no_fault(tmp_path):
    facts = by_name(course(course_in(tmp_path)))
    assert all(fact.good is not False for fact in facts.values())
    assert facts["nbgrader"].good
    assert "made by the first command" in facts["gradebook"].value
    assert facts["other users"].good


def test_outside_of_a_course_it_says_so_and_looks_at_the_rest(monkeypatch):
    machine_with(monkeypatch, Level.A)
    found = diagnose(None)
    assert [fact.value for fact in found.chapters["course"]] == ["none here"]
    assert list(found.chapters) == ["sandbox", "versions", "machine", "course"]
    assert found.good


@pytest.mark.parametrize(
    ("source", "said"), [("c = get_config()\n", "its own autograde is used"), ("1 / 0\n", "ZeroDivisionError")]
)
def test_a_course_that_nbgrader_would_grade_its_own_way_is_a_fault(tmp_path, monkeypatch, source, said):
    machine_with(monkeypatch, Level.A)
    found = diagnose(course_in(tmp_path, source))
    fact = by_name(found.chapters["course"])["nbgrader"]
    assert said in fact.value
    assert fact.advice == doctor.CONFIGURE
    assert not found.good


def test_acceptance_that_stays_in_the_configuration_is_told(tmp_path):
    facts = by_name(course(course_in(tmp_path, OURS + "c.Autograde.accept_unsandboxed = True\n")))
    assert facts["accept_unsandboxed"].good is None
    assert "remove it" in facts["accept_unsandboxed"].advice


def database(path):
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE student (id TEXT)")
        connection.execute("INSERT INTO student VALUES ('ada')")
    connection.close()
    return f"sqlite:///{path}"


def test_a_gradebook_is_opened_and_left_as_it_is(tmp_path):
    url = database(tmp_path / "gradebook.db")
    before = (tmp_path / "gradebook.db").read_bytes()
    fact, file = gradebook(url)
    assert (fact.value, fact.good) == (f"{tmp_path}/gradebook.db, 1 students", True)
    assert file == tmp_path / "gradebook.db"
    assert file.read_bytes() == before
    assert os.listdir(tmp_path) == ["gradebook.db"]


def test_a_gradebook_that_is_none_is_a_fault(tmp_path):
    (tmp_path / "gradebook.db").write_text("no database, but long enough to be read as one" * 50)
    fact, _ = gradebook(f"sqlite:///{tmp_path}/gradebook.db")
    assert fact.good is False
    assert "file is not a database" in fact.value
    assert fact.advice


def test_a_gradebook_that_is_locked_is_a_fault(tmp_path):
    url = database(tmp_path / "gradebook.db")
    holder = sqlite3.connect(tmp_path / "gradebook.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    fact, _ = gradebook(f"{url}?timeout=0.1")
    holder.close()
    assert "database is locked" in fact.value
    assert "end what uses it" in fact.advice


@pytest.mark.parametrize("there", [True, False])
def test_a_gradebook_that_cannot_be_written_is_a_fault(tmp_path, monkeypatch, there):
    url = f"sqlite:///{tmp_path}/gradebook.db"
    if there:
        database(tmp_path / "gradebook.db")
    monkeypatch.setattr(doctor.os, "access", lambda path, mode: False)
    fact, _ = gradebook(url)
    assert fact.good is False
    assert fact.advice


def test_the_password_of_a_database_is_not_shown(monkeypatch):
    fact, file = gradebook("postgresql+nosuchdriver://ada:secret@localhost:1/course")
    assert file is None
    assert fact.good is False
    assert "secret" not in fact.value


@pytest.fixture
def reachable(tmp_path):
    """A folder that every user can get to, if a temporary folder can be one."""
    for folder in (tmp_path, *tmp_path.parents):
        if not folder.stat().st_mode & 0o1:
            folder.chmod(folder.stat().st_mode | 0o11)
    return tmp_path


posix = pytest.mark.skipif(os.name != "posix", reason="rights are those of POSIX")


@posix
def test_what_others_may_do_depends_on_the_folders_above(reachable):
    file = reachable / "inner/file"
    file.parent.mkdir(mode=0o755)
    file.touch()
    file.chmod(0o646)
    assert others(file) == 0o6
    file.parent.chmod(0o750)
    assert others(file) == 0
    assert others(reachable / "nowhere") == 0


@posix
def test_other_users_who_can_read_or_change_are_told(reachable):
    root = course_in(reachable)
    names = [root, root / "solutions", root / "submitted"]
    assert private(names).good
    root.chmod(0o755)
    (root / "solutions").chmod(0o755)
    (root / "submitted").chmod(0o700)
    told = private(names)
    assert (told.value, told.good, told.advice) == ("can read solutions", None, f"chmod o-rwx {root}")
    (root / "submitted").chmod(0o703)
    assert (private(names).value, private(names).good) == ("can change submitted", False)


@posix
def test_an_exchange_is_a_folder_in_which_everybody_can_write(reachable):
    folder = reachable / "exchange"
    assert (exchange(folder, "dl").good, exchange(folder, "dl").value) == (None, f"there is no {folder}")
    folder.mkdir(mode=0o755)
    assert "not everybody can write" in exchange(folder, "dl").value
    folder.chmod(0o777)
    assert exchange(folder, "dl").good
    assert exchange(folder, "").advice == "c.CourseDirectory.course_id = ..."
    inbound = folder / "dl/inbound"
    inbound.mkdir(parents=True)
    inbound.chmod(0o733)
    assert exchange(folder, "dl").good
    inbound.chmod(0o777)
    assert exchange(folder, "dl").good is False
    assert exchange(folder, "dl").advice == f"chmod o-r {inbound}"


# All together, as a command


def test_the_command_looks_at_the_real_machine_and_leaves_nothing_behind(tmp_path):
    root, temporary = course_in(tmp_path), tmp_path / "tmp"
    (root / "assignments").mkdir()
    temporary.mkdir()
    program = [sys.executable, "-c", "from grader.cli import main; main(['doctor'])"]
    environment = {**os.environ, "TMPDIR": str(temporary), "COLUMNS": "100", "HOME": str(temporary)}
    environment.pop(launch.VARIABLE, None)
    before = sorted(root.rglob("*"))
    done = subprocess.run(program, cwd=root, env=environment, capture_output=True, text=True, check=False)
    sandbox, _ = launch.find()
    sandbox.close()
    assert done.stderr == ""
    assert sandbox.level.label in done.stdout
    assert done.returncode == (1 if sandbox.level is Level.E else 0)
    assert sorted(root.rglob("*")) == before
    assert [path for path in temporary.rglob("*") if path.is_file()] == []


def test_no_fault_is_without_advice(monkeypatch, tmp_path):
    machine_with(monkeypatch, Level.E, A="a", B="b", C="c", D="d")
    found = diagnose(course_in(tmp_path, "c = get_config()\n"))
    assert not found.good
    for facts in found.chapters.values():
        assert no_fault_without_advice(facts)


def test_a_sandbox_that_is_not_to_be_had_is_no_crash(monkeypatch):
    machine_with(monkeypatch, Level.E)

    def refuse():
        raise SandboxError("level B takes Linux, this is Darwin")

    monkeypatch.setenv(launch.VARIABLE, "B")
    monkeypatch.setattr(launch, "current", refuse)
    monkeypatch.setattr(launch, "close", lambda: None)
    assert isolation()[0][0].value == "level B takes Linux, this is Darwin"
