from itertools import count

from grader.assignment import load_assignment
from tests.bench import peers
from tests.bench.contestants import BEFORE, DATABASE, Contestant
from tests.bench.folders import Place, temporary


def grader(name, one, whole, earned=None):
    """A contestant of which each run takes the next of these seconds."""
    times = {"one": iter(one), "whole": iter(whole)}

    class Toy(Contestant):
        def seconds(self, command):
            return next(times[command])

    return Toy(name=name, place=None, inside="", whole="whole", one="one", made=[], earned=lambda: earned or {})


def test_start_up_is_told_from_what_each_submission_adds(capsys):
    table = peers.Table([grader("stock", [12, 12, 14], [102, 106, 110]), grader("ours", [6, 3, 3], [15, 12, 13])])
    for _ in range(3):
        table.round()
    table.show(10)
    head, stock, ours, *_ = capsys.readouterr().out.splitlines()
    assert head.split() == ["seconds", "each", "faster", "start-up", "further", "faster"]
    assert stock.split() == ["stock", "106.0", "10.60", "1.0x", "1.6", "10.44", "1.0x"]
    assert ours.split() == ["ours", "13.0", "1.30", "8.5x", "2.0", "1.00", "10.0x"]


def test_noise_that_is_larger_than_the_class_gives_no_ratio(capsys):
    table = peers.Table([grader("stock", [12], [102]), grader("ours", [6], [5])])
    table.round()
    table.show(10)
    assert capsys.readouterr().out.splitlines()[2].split()[-1] == "–"


def test_rounds_alternate_between_graders():
    order = []

    class Toy(Contestant):
        def seconds(self, command):
            order.append(self.name + command)
            return 1.0

    toys = [Toy(name=n, place=None, inside="", whole="W", one="1", made=[], earned=dict) for n in "ab"]
    table = peers.Table(toys)
    table.round()
    table.round()
    assert order == ["a1", "aW", "b1", "bW"] * 2


def test_graders_that_disagree_are_named_with_student_and_task():
    found = {"ada": frozenset({"norm", "scale"}), "ben": frozenset()}
    toys = [grader("stock", [], []), grader("ours", [], [])]
    assert peers.agreement(toys, [found, found]).endswith(
        "agree on who earns which task in full (2 tasks of 2 students)"
    )
    lines = peers.agreement(toys, [found, {"ada": frozenset({"norm"})}]).splitlines()
    assert lines == ["NOT THE SAME: ada, scale: ours against stock"]


def test_a_run_begins_as_if_there_had_been_none_before(tmp_path):
    (tmp_path / "here/made/deep").mkdir(parents=True)
    (tmp_path / "here/scores.csv").write_text("old")
    (tmp_path / "here" / BEFORE).write_text("as it was")
    (tmp_path / "here" / DATABASE).write_text("with scores")
    place = Place(tmp_path, {})
    toy = Contestant(
        name="", place=place, inside="here", whole=["true"], one=[], made=["made", "scores.csv", "never"], earned=dict
    )
    assert toy.seconds(toy.whole) > 0
    assert sorted(path.name for path in (tmp_path / "here").iterdir()) == [BEFORE, DATABASE]
    assert (tmp_path / "here" / DATABASE).read_text() == "as it was"


def test_a_peer_that_is_not_installed_is_left_out_and_named(capsys, monkeypatch, tmp_path, pytestconfig):
    monkeypatch.setattr(peers, "has_otter", lambda: False)
    seconds = count(1)
    for name in ("stock", "ours", "alone"):
        toy = grader(name, seconds, seconds, {"student-0001": frozenset({"norm"})})
        monkeypatch.setattr(peers, name, lambda place, assignment, people, toy=toy: toy)
    monkeypatch.setattr(peers, "otter", None)
    peers.measure(load_assignment(pytestconfig.rootpath, "hw1"), 2, 1)
    out = capsys.readouterr().out
    assert "otter-grader is not installed: pip install -e '.[bench]'" in out
    assert "hw1, a class of 2 (reference, variant: " in out
    assert "the tape, made once for all submissions" in out
    assert "All graders agree" in out


def test_nothing_is_left_behind_and_nothing_is_read_from_home(monkeypatch):
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", "/somewhere")
    monkeypatch.setenv("PYTEST_ADDOPTS", "-x")
    with temporary() as place:
        assert place.environment["JUPYTER_CONFIG_DIR"].startswith(str(place.folder))
        assert place.environment["XDG_CACHE_HOME"].startswith(str(place.folder))
        assert "PYTEST_ADDOPTS" not in place.environment
    assert not place.folder.exists()
