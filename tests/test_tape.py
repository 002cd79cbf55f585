"""What Hypothesis drew, in a file."""

import contextlib
import copy
import os
import pickle
import random
import stat

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from grader import tape
from grader.hypothesis_run import EXAMPLES, configured
from grader.remote import Plan
from grader.tape import KEPT, NO_ARGUMENTS, NotTaped, Tape, Taped, draw, load, save


def check(*strategies, body=lambda x: None, **options):
    """A fresh test function of Hypothesis, and the list of what it is given."""
    seen = []

    def test(hw, x):
        seen.append(copy.deepcopy(x) if type(x) is list else x)
        body(x)

    return given(*strategies, **options)(test), seen


def drawn(function, *, name="TestNorm::test_x", seed="a secret", **others):
    with configured(function, name, seed, lambda test: test):
        return draw(function, {"hw": None, **others})


def values(examples):
    return [example.values()["x"] for example in examples]


def ordinarily(function, seen, *, name="TestNorm::test_x", seed="a secret"):
    """What Hypothesis gives a test in the ordinary way."""
    seen.clear()
    with configured(function, name, seed, lambda test: test):
        function(hw=None)
    return list(seen)


class TestDrawing:
    @pytest.mark.parametrize("strategy", [st.integers(), st.lists(st.floats()), st.text(), st.fractions()])
    def test_the_examples_are_those_that_hypothesis_draws_with_the_same_seed(self, strategy):
        function, seen = check(x=strategy)
        expected = [repr(value) for value in ordinarily(function, seen)]
        assert [repr(value) for value in values(drawn(function))] == expected
        assert len(expected) == EXAMPLES

    def test_another_seed_or_another_name_gives_others(self):
        function, _ = check(x=st.integers())
        first = values(drawn(function))
        assert values(drawn(function)) == first
        assert values(drawn(function, seed="another")) != first
        assert values(drawn(function, name="TestNorm::test_y")) != first

    def test_examples_that_the_check_rejects_make_room_for_others_as_ever(self):
        function, seen = check(x=st.integers(), body=lambda x: assume(x % 2))
        expected = ordinarily(function, seen)
        assert values(drawn(function)) == expected
        assert sum(x % 2 for x in expected) == EXAMPLES < len(expected)

    def test_explicit_examples_are_among_them_and_come_first(self):
        function, seen = check(x=st.integers())
        function = example(x=12345)(function)
        expected = ordinarily(function, seen)
        examples = drawn(function)
        assert values(examples) == expected
        assert values(examples)[0] == 12345
        assert examples[0].choices == b""
        assert all(made.choices for made in examples[1:])

    def test_the_number_of_examples_is_that_of_the_check(self):
        function, _ = check(x=st.integers())
        assert len(drawn(settings(max_examples=3)(function))) == 3

    def test_only_what_is_drawn_is_kept(self):
        class TestNorm:
            @given(x=st.integers())
            def test_x(self, hw, x):
                assert isinstance(self, TestNorm)

        (first, *_) = drawn(TestNorm().test_x, hw=object())
        assert first.values().keys() == {"x"}

    def test_each_replay_gets_values_of_its_own(self):
        function, _ = check(x=st.lists(st.integers(), min_size=1))
        (first, *_) = drawn(function)
        one = first.values()["x"]
        before = list(one)
        one.append("changed")
        assert first.values()["x"] == before

    def test_what_is_drawn_does_not_hold_what_the_check_made_of_it(self):
        function, _ = check(x=st.lists(st.integers(), min_size=1, max_size=3), body=lambda x: x.append("changed"))
        assert all("changed" not in value for value in values(drawn(function)))

    def test_a_check_that_draws_while_it_runs_cannot_be_taped(self):
        function, _ = check(x=st.data())
        with pytest.raises(NotTaped, match="it draws while it runs"):
            drawn(function)

    @pytest.mark.parametrize("strategy", [st.builds(lambda: lambda: 1), st.randoms(use_true_random=False)])
    def test_what_cannot_be_pickled_and_unpickled_cannot_be_taped(self, strategy):
        function, _ = check(x=strategy)
        with pytest.raises(NotTaped, match="what it draws cannot be kept"):
            drawn(function)

    def test_a_check_that_fails_while_it_is_drawn_for_fails(self):
        function, _ = check(x=st.integers(), body=lambda x: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            drawn(function)

    @pytest.mark.parametrize("strategy", [st.integers(), st.data()])
    def test_afterwards_the_test_is_what_it_was(self, strategy):
        function, seen = check(x=strategy)
        before = function.hypothesis.inner_test
        with contextlib.suppress(NotTaped):
            drawn(function)
        assert function.hypothesis.inner_test is before
        assert ordinarily(function, seen)

    def test_the_state_of_random_is_left_alone(self):
        function, _ = check(x=st.integers())
        state = random.getstate()
        drawn(function)
        assert random.getstate() == state

    def test_a_check_without_arguments_has_one_example(self):
        assert (NO_ARGUMENTS.values(), NO_ARGUMENTS.choices) == ({}, b"")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where tapes are kept during a test; it does not exist yet."""
    monkeypatch.setenv("GRADER_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "tapes"


FULL = Tape(
    checks={
        "test_x": Taped(
            examples=(NO_ARGUMENTS,),
            plan=Plan(words=((b"a", b""),), starts=(0,), foretold=((),), named=frozenset({(0, ())})),
        ),
        "test_y": Taped(reason="it draws while it runs"),
    }
)


class TestKeeping:
    def test_what_was_saved_is_loaded(self, folder):
        assert load("one") is None
        save(FULL, "one")
        assert load("one") == FULL
        assert load("another") is None
        assert [path.name for path in folder.iterdir()] == ["one.tape"]

    def test_nobody_else_may_read_it_whatever_the_umask(self, folder):
        before = os.umask(0)
        try:
            save(FULL, "one")
        finally:
            os.umask(before)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_IMODE((folder / "one.tape").stat().st_mode) == 0o600

    @pytest.mark.parametrize(
        "content",
        [b"", b"\x80", b"garbage", pickle.dumps(FULL)[:-5], pickle.dumps({"checks": {}}), b"cnowhere\nThing\n."],
    )
    def test_a_broken_or_foreign_file_is_none_and_is_made_anew(self, folder, content):
        save(FULL, "one")
        (folder / "one.tape").write_bytes(content)
        assert load("one") is None
        save(FULL, "one")
        assert load("one") == FULL

    def test_a_file_of_another_user_is_not_even_read(self, folder, monkeypatch):
        save(FULL, "one")
        owner, read = os.getuid(), []
        monkeypatch.setattr(tape.pickle, "load", lambda file: read.append(file))
        monkeypatch.setattr(tape.os, "getuid", lambda: owner + 1)
        assert load("one") is None
        assert read == []

    def test_a_folder_in_the_place_of_the_file_is_none(self, folder):
        (folder / "one.tape").mkdir(parents=True)
        assert load("one") is None
        save(FULL, "one")
        assert load("one") is None

    def test_a_folder_that_cannot_be_made_does_no_harm(self, tmp_path, monkeypatch):
        (tmp_path / "file").write_text("")
        monkeypatch.setenv("GRADER_CACHE", str(tmp_path / "file"))
        save(FULL, "one")
        assert load("one") is None
        assert (tmp_path / "file").read_text() == ""

    @pytest.mark.parametrize("step", ["pickle.dump", "os.replace"])
    def test_a_full_disk_does_no_harm_and_leaves_nothing_behind(self, folder, monkeypatch, step):
        def refuse(*args, **kwargs):
            raise OSError(28, "No space left on device")

        module, name = step.split(".")
        monkeypatch.setattr(getattr(tape, module), name, refuse)
        save(FULL, "one")
        assert list(folder.iterdir()) == []

    def test_the_oldest_make_room_and_one_that_was_used_is_not_old(self, folder):
        for number in range(KEPT):
            save(FULL, f"tape{number}")
            os.utime(folder / f"tape{number}.tape", (number, number))
        assert load("tape0") == FULL
        save(FULL, "new")
        names = {path.stem for path in folder.iterdir()}
        assert names == {"new", *(f"tape{number}" for number in range(KEPT))} - {"tape1"}

    def test_other_files_there_are_let_be(self, folder):
        folder.mkdir(parents=True)
        (folder / "note.txt").write_text("mine")
        for number in range(KEPT + 1):
            save(FULL, str(number))
        assert (folder / "note.txt").read_text() == "mine"
        assert len(list(folder.iterdir())) == KEPT + 1

    @pytest.mark.parametrize(
        ("variables", "place"),
        [
            ({"GRADER_CACHE": "a", "XDG_CACHE_HOME": "b"}, "a/tapes"),
            ({"XDG_CACHE_HOME": "b"}, "b/grader/tapes"),
            ({"XDG_CACHE_HOME": ""}, ".cache/grader/tapes"),
            ({}, ".cache/grader/tapes"),
        ],
    )
    def test_the_place_is_that_of_caches(self, tmp_path, monkeypatch, variables, place):
        monkeypatch.setenv("HOME", str(tmp_path))
        for name in ("GRADER_CACHE", "XDG_CACHE_HOME"):
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value and str(tmp_path / value))
        save(FULL, "one")
        assert (tmp_path / place / "one.tape").exists()


def test_arrays_and_their_dtypes_survive_the_tape():
    function, seen = check(
        x=st.builds(np.full, st.just((2, 1)), st.integers(0, 9), st.sampled_from([np.float32, np.int8]))
    )
    expected = ordinarily(function, seen)
    for kept, value in zip(values(drawn(function)), expected, strict=True):
        assert (kept.dtype, kept.tolist()) == (value.dtype, value.tolist())
