import builtins
import gc
import json
import os
import socket
import threading
import time
from contextlib import suppress
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from grader.errors import SubmissionCrashed, SubmissionTimeout, WireError
from grader.model import Cell, Limits
from grader.remote import MissingName, RemoteObject, Session, SubmissionRaised
from grader.remote.raised import described
from grader.remote.record import SMALL
from grader.sandbox.channel import Channel, Closed
from grader.wire import HEAD, LARGE

SOURCE = '''
import builtins, os, sys, time
import numpy as np

scale = 3.0
table = {"rows": [1, 2]}

def echo(*args, **kwargs): return args[0] if not kwargs and len(args) == 1 else (args, kwargs)
def write(x): x[0] = 7
def fill(rows, seen, rng):
    rows.append(rows[0]); rows[0] = "first"; del seen["old"]; seen["new"] = rows; return rng.normal(size=2)
def into_set(s): s.add(9)
def same(a, b): return a is b
def swap(pair): pair[0], pair[1] = pair[1], pair[0]
def nothing(x): return None
def shape_of(x): return x.shape
def zeros(n): return np.zeros(n)
def numbers():
    yield from (1, 2)
def make(): return Thing(1.0)
def make_class(): return Thing
def hold(x):
    global held
    held = x
def get_held(): return held
def count_down(n): return n and 1 + count_down(n - 1)
def count_things():
    import gc
    gc.collect()
    return sum(isinstance(o, Thing) for o in gc.get_objects())
def numeric(f, x):
    gradient = np.zeros_like(x)
    for i in np.ndindex(*x.shape):
        old = x[i]
        x[i] = old + 0.5; high = f(x)
        x[i] = old - 0.5; low = f(x)
        x[i] = old
        gradient[i] = high - low
    return gradient
def call(f, *args, **kwargs): return f(*args, **kwargs)
def call_then_look(f, x): f(x); return x.copy() if isinstance(x, np.ndarray) else list(x)
def survive(f):
    try: f()
    except Exception: return "survived"
def swallow(f):
    try: f()
    except Exception: raise ValueError("own") from None
def square(x): return x * x
def uses_square(x): return square(x) + 1
def keep_square():
    global kept
    kept = square
    return square(2)
def use_kept(x): return kept(x)
def read(path): return path.read_text(), path.name
def write_file(path): path.open("w")
def fail(name, *args): raise getattr(builtins, name)(*args)
class Odd(ValueError): pass
def fail_together(): raise ExceptionGroup("several", [ValueError()])
def fail_oddly(): raise Odd("odd \\x1b[31m")
def deep(n): return deep(n - 1) if n else 1 / 0
def vandal():
    class Sly(Exception):
        def __str__(self): raise RuntimeError
    raise Sly
def too_big(): return [10 ** 5000]
def too_big_inside(rows): rows.append(10 ** 5000)
def large(): return np.zeros(70_000_000)
def crash(): os._exit(3)
def leave(): sys.exit(5)
def endless():
    while True: pass
def nap(seconds): time.sleep(seconds); return seconds
def flood():
    for n in range(2000): print("x" * 1000, file=sys.stderr if n % 2 else sys.stdout)
    os.write(1, b"x" * 100_000); return 1
def segfault():
    import ctypes
    ctypes.string_at(0)

class Thing:
    """A value that remembers what was done to it."""
    __array_ufunc__ = None
    def __init__(self, value): self.value, self.items = value, {}
    def double(self): return Thing(2 * self.value)
    def __add__(self, other): return Thing(self.value + getattr(other, "value", other))
    __radd__ = __add__
    def __sub__(self, other): return Thing(self.value - getattr(other, "value", other))
    def __rsub__(self, other): return Thing(other - self.value)
    def __mul__(self, other): return Thing(self.value * getattr(other, "value", other))
    __rmul__ = __mul__
    def __matmul__(self, other): return Thing(self.value @ getattr(other, "value", other))
    def __rmatmul__(self, other): return Thing(other @ self.value)
    def __neg__(self): return Thing(-self.value)
    def __pow__(self, n): return Thing(self.value ** n)
    def __and__(self, other): return "and"
    def __rshift__(self, other): return "shift"
    def __iadd__(self, other): self.value += other; return self
    def __len__(self): return 3
    def __getitem__(self, key): return self.items[key] if isinstance(key, str) else key
    def __setitem__(self, key, value): self.items[key] = value
    def __delitem__(self, key): del self.items[key]
    def __contains__(self, key): return key in self.items
    def __iter__(self): return iter(["a", "b"])
    def __float__(self): return float(self.value)
    def __int__(self): return int(self.value)
    def __lt__(self, other): return self.value < other.value
    def __eq__(self, other): return True
    __hash__ = None
    def __call__(self, x): return x + self.value
class Bare: pass
class Sub(Thing): pass
'''


def open_session(source=SOURCE, name="work", **limits):
    return Session(name, (Cell(filename=f"{name}.py", source=source),), Limits(**limits))


@pytest.fixture(scope="module")
def session():
    opened = open_session(call_seconds=20)
    yield opened
    opened.close()


@pytest.fixture
def hw(session):
    yield session.module
    if session._process is not None:
        assert session.module.echo(1) == 1  # nothing is left of the test


@pytest.fixture
def opened():
    """A function that opens sessions of their own."""
    sessions = []

    def make(source=SOURCE, **options):
        sessions.append(open_session(source, **options))
        return sessions[-1]

    yield make
    for session in sessions:
        session.close()


class TestArguments:
    def test_an_array_that_is_written_to_is_written_to_here(self, hw):
        x = np.zeros(3)
        view = x[:1]
        assert hw.write(x) is None
        assert x.tolist() == [7, 0, 0]
        assert view[0] == 7

    def test_a_read_only_array_cannot_be_written_to_there_either(self, hw):
        with pytest.raises(ValueError, match="read-only"):
            hw.write(np.broadcast_to(0.0, 3))

    def test_lists_dicts_and_generators_change_as_in_process(self, hw):
        inner = [0]
        rows, seen, rng, twin = [inner, 2], {"old": 1, "rows": None}, np.random.default_rng(5), np.random.default_rng(5)
        drawn = hw.fill(rows, seen, rng)
        assert rows == ["first", 2, inner]
        assert rows[2] is inner
        assert seen == {"rows": None, "new": rows}
        assert seen["new"] is rows
        assert np.array_equal(drawn, twin.normal(size=2))
        assert rng.random() == twin.random()

    def test_sets_change(self, hw):
        s = {1}
        hw.into_set(s)
        assert s == {1, 9}

    def test_a_recursion_of_900_calls_is_not_too_deep(self, hw):
        assert (
            hw.count_down(900) == 900
        )  # what hw2 promises: Python ends at 1,000, and some of them are the worker's own

    def test_one_argument_given_twice_is_one(self, hw):
        x, y = np.zeros(2), np.zeros(2)
        assert hw.same(x, x) is True
        assert hw.same(x, y) is False
        assert hw.same([x], [x]) is False
        pair = [x, y]
        hw.swap(pair)
        assert pair[0] is y
        assert pair[1] is x

    def test_an_argument_that_comes_back_is_the_same_object(self, hw):
        x = {"a": np.zeros(2)}
        back = hw.echo(x)
        assert back is x
        assert hw.echo(1, k=x) == ((1,), {"k": x})

    def test_types_and_dtypes_go_through(self, hw):
        (types, kwargs) = hw.echo(np.float32, int, np.dtype("f4"), dtype=float)
        assert types == (np.float32, int, np.dtype("f4"))
        assert kwargs == {"dtype": float}

    def test_files_arrive_read_only_with_their_content(self, hw, tmp_path):
        path = tmp_path / "data.csv"
        path.write_text("1,2\n")
        assert hw.read(path) == ("1,2\n", "data.csv")
        if os.geteuid():
            with pytest.raises(PermissionError):
                hw.write_file(path)

    def test_a_file_that_is_not_there_is_the_checks_mistake(self, hw, tmp_path):
        with pytest.raises(FileNotFoundError):
            hw.read(tmp_path / "none")

    def test_what_cannot_cross_is_the_checks_mistake(self, hw):
        for value in (object(), (n for n in "ab"), np.array([None])):
            with pytest.raises(TypeError, match="a check cannot pass a") as caught:
                hw.echo(value)
            assert not isinstance(caught.value, SubmissionRaised)
        with pytest.raises(WireError, match="5001 bits"):
            hw.echo(1 << 5000)

    def test_large_arrays_cross(self, hw):
        x = np.random.default_rng(0).random(1_000_000)
        assert np.array_equal(hw.square(x), x * x)


class TestCallbacks:
    def test_a_function_that_reads_its_own_x_sees_each_change(self, hw):
        x = np.array([[1.0, 2.0], [3.0, 4.0]])
        gradient = hw.numeric(lambda _: float((x * x).sum()), x)
        assert np.allclose(gradient, 2 * x)
        assert x.tolist() == [[1, 2], [3, 4]]

    def test_what_a_function_of_the_checks_changes_is_seen_there(self, hw):
        assert hw.call_then_look(lambda x: x.__setitem__(0, 5.0), np.zeros(2)).tolist() == [5, 0]
        rows = [1]
        assert hw.call_then_look(lambda x: x.append(2), rows) == [1, 2]
        assert rows == [1, 2]

    def test_arguments_of_a_callback_are_the_checks_own_objects(self, hw):
        x, seen = np.zeros(2), []
        hw.call(lambda *args, **kwargs: seen.append((args, kwargs)), x, [x], key=x)
        (((first, (second,)), kwargs),) = seen
        assert first is x
        assert second is x
        assert kwargs["key"] is x

    def test_a_callback_may_call_the_submission(self, hw):
        assert hw.call(lambda x: hw.call(lambda y: hw.square(y) + 1, x) + 1, 3) == 11

    def test_nested_calls_share_objects_of_the_submission(self, hw):
        thing = hw.make()
        assert hw.call(lambda t: hw.echo(t), thing) is thing

    def test_what_a_nested_call_changes_is_seen_outside(self, hw):
        assert hw.call_then_look(lambda x: hw.write(x), np.zeros(2)).tolist() == [7, 0]

    def test_an_exception_in_a_callback_comes_out_as_itself(self, hw):
        for error in (KeyError("mine"), TimeoutError("mine"), WireError("mine"), AssertionError("mine")):

            def fails(error=error):
                raise error

            with pytest.raises(type(error)) as caught:
                hw.call(fails)
            assert caught.value is error

    def test_a_submission_may_survive_or_replace_an_exception_of_a_callback(self, hw):
        assert hw.survive(lambda: 1 / 0) == "survived"
        with pytest.raises(ValueError, match="own") as caught:
            hw.swallow(lambda: 1 / 0)
        assert isinstance(caught.value, SubmissionRaised)

    def test_a_result_that_cannot_cross_is_the_checks_mistake(self, hw):
        with pytest.raises(TypeError, match="cannot pass a object"):
            hw.call(lambda: [[], object()])
        with pytest.raises(WireError, match="5001 bits"):
            hw.call(lambda x: [x, 1 << 5000], [1])

    def test_one_function_given_twice_is_one(self, hw):
        def function():
            pass

        assert hw.same(function, function) is True

    def test_a_verdict_in_a_callback_ends_the_call(self, opened):
        class VerdictError(BaseException):
            pass

        def decides():
            raise VerdictError

        hw = opened().module
        with pytest.raises(VerdictError):
            hw.call(decides)
        assert hw.echo(1) == 1

    def test_the_time_of_a_callback_does_not_count(self, opened):
        hw = opened(call_seconds=0.3).module
        assert hw.call(lambda: time.sleep(0.5) or 1) == 1

    def test_a_crash_inside_a_callback_ends_the_outer_call_too(self, opened):
        hw = opened().module
        with pytest.raises(SubmissionCrashed):
            hw.call(lambda: hw.crash())
        assert hw.echo(1) == 1

    def test_a_check_that_outlives_a_crash_in_a_callback_gets_the_crash_again(self, opened):
        hw = opened().module

        def stubborn():
            with pytest.raises(SubmissionCrashed):
                hw.crash()
            return hw.echo(1)  # of the next worker

        with pytest.raises(SubmissionCrashed):
            hw.call(stubborn)
        assert hw.echo(2) == 2


class TestStandIns:
    def test_the_submission_uses_the_staffs_functions_within(self, session):
        hw = session.module
        with session.stand_in({"square": lambda x: 100, "brand_new": lambda: 5}):
            assert hw.uses_square(2) == 101
            assert hw.square(2) == 100
            assert hw.brand_new() == 5
        assert hw.uses_square(2) == 5
        with pytest.raises(MissingName):
            hw.brand_new()

    def test_they_stand_in_again_after_a_crash(self, opened):
        session = opened()
        hw = session.module
        with session.stand_in({"square": lambda x: 100}):
            with pytest.raises(SubmissionCrashed):
                hw.crash()
            assert hw.uses_square(2) == 101
        assert hw.uses_square(2) == 5
        session.begin()
        assert session.stand_ins == {}

    def test_they_are_known_until_the_next_check_begins(self, session):
        def ten(x):
            return 10

        session.begin()
        with session.stand_in({"square": ten}):
            pass
        assert session.stand_ins == {"square": ten}
        session.begin()
        assert session.stand_ins == {}

    def test_changes_that_a_stand_in_makes_are_seen_by_the_submission(self, opened):
        source = "def step(state): pass\ndef run(state):\n    step(state); step(state)\n    return state['n']"
        session = opened(source)

        def step(state):
            state["n"] += 1

        with session.stand_in({"step": step}):
            assert session.module.run({"n": 0}) == 2

    def test_a_stand_in_that_is_kept_does_not_work_for_another_check(self, opened):
        session = opened()
        with session.stand_in({"square": lambda x: "answer"}):
            assert session.module.keep_square() == "answer"
        with pytest.raises(SubmissionCrashed, match="a check that is over"):
            session.module.use_kept(2)

    def test_a_worker_that_died_meanwhile_does_not_cost_the_next_check(self, opened):
        session = opened()
        assert session.module.echo(1) == 1
        end(session._process)
        with session.stand_in({"square": lambda x: 100}):
            assert session.module.uses_square(2) == 101

    def test_a_worker_that_dies_within_costs_no_second_check(self, opened):
        session = opened()
        with session.stand_in({"square": lambda x: 100}):
            assert session.module.echo(1) == 1
            end(session._process)
        assert session.module.square(2) == 4


class TestObjects:
    def test_attributes_are_read_and_written_through(self, hw):
        thing = hw.Thing(2.0)
        assert thing.value == 2.0
        thing.value = np.ones(2)
        assert (thing + 1).value.tolist() == [2, 2]
        assert not hasattr(thing, "nothing")
        with pytest.raises(AttributeError, match="nothing"):
            _ = thing.nothing

    def test_methods_are_called(self, hw):
        assert hw.make().double().value == 2.0
        assert hw.Thing(1)(3) == 4

    def test_an_object_keeps_its_identity(self, hw):
        thing = hw.make()
        assert hw.echo(thing) is thing
        assert hw.same(thing, thing) is True
        assert hw.same(thing, hw.make()) is False
        assert {thing: 1}[hw.echo([thing])[0]] == 1
        assert hw.Thing is hw.Thing

    def test_equality_is_identity_whatever_the_submission_says(self, hw):
        assert hw.make() != hw.make()
        assert hw.make() != 1

    @pytest.mark.parametrize(
        ("formula", "value"),
        [
            (lambda a, b: a + b, 8),
            (lambda a, b: a - b, 4),
            (lambda a, b: a * b, 12),
            (lambda a, b: -a, -6),
            (lambda a, b: 1 + a, 7),
            (lambda a, b: 1 - a, -5),
            (lambda a, b: 2.5 * a, 15),
            (lambda a, b: a**2, 36),
            (lambda a, b: np.float64(2) * a, 12),
            (lambda a, b: torch.tensor(1.0) + b, 3),
            (lambda a, b: a * b + b, 14),
        ],
    )
    def test_operators_work_on_both_sides(self, hw, formula, value):
        assert formula(hw.Thing(6), hw.Thing(2)).value == value

    def test_an_array_on_the_left_reaches_the_submission(self, hw):
        thing, x = hw.Thing(np.array([1.0, 2.0])), np.array([3.0, 4.0])
        assert (x * thing).value.tolist() == [3, 8]
        assert (x - thing).value.tolist() == [2, 2]
        assert (x @ thing).value == 11
        assert (thing @ x).value == 11

    def test_other_operators_reach_the_submission(self, hw):
        thing = hw.Thing(1.5)
        assert (thing & 1, thing >> 1) == ("and", "shift")
        assert (len(thing), float(thing), int(thing)) == (3, 1.5, 1)
        assert thing < hw.Thing(2)
        with pytest.raises(TypeError, match="unsupported operand"):
            thing // 2
        before = thing
        thing += 1
        assert thing is before
        assert thing.value == 2.5

    def test_items_are_read_written_and_deleted(self, hw):
        thing = hw.make()
        key = (slice(1, None), ..., None)
        thing["a"] = 5
        assert (thing["a"], "a" in thing, "b" in thing) == (5, True, False)
        assert thing[key] == key
        del thing["a"]
        assert "a" not in thing

    def test_truth_is_that_of_the_submission(self, hw):
        assert hw.Bare()
        assert hw.Thing(0)
        assert not hw.echo(hw.Thing(1)).items

    def test_iteration_and_generators_run_there(self, hw):
        assert list(hw.make()) == ["a", "b"]
        numbers = hw.numbers()
        assert isinstance(numbers, RemoteObject)
        assert next(numbers) == 1
        assert list(numbers) == [2]
        with pytest.raises(StopIteration):
            next(numbers)
        with pytest.raises(TypeError, match="not iterable"):
            list(hw.Bare())

    def test_isinstance_asks_the_submission(self, hw):
        assert isinstance(hw.make(), hw.Thing)
        assert isinstance(hw.Sub(1), hw.Thing)
        assert not isinstance(hw.Bare(), hw.Thing)
        assert not isinstance(1.0, hw.Thing)

    def test_functions_of_the_submission_can_be_passed_back(self, hw):
        assert hw.call(hw.square, 3) == 9
        assert isinstance(hw.make_class()(1), hw.Thing)
        assert hw.Thing.double(hw.make()).value == 2.0

    def test_an_object_is_no_array(self, hw):
        with pytest.raises(TypeError, match="an object of type Thing is no array"):
            np.asarray(hw.make())

    def test_objects_are_named_by_their_type(self, hw):
        assert repr(hw.make()) == "<Thing of the submission>"
        assert repr(hw.square) == "<square of the submission>"
        assert repr(hw) == "<module 'work' of the submission>"

    def test_private_names_stay_there(self, hw):
        for thing in (hw, hw.square, hw.make()):
            with pytest.raises(AttributeError):
                _ = thing.__secret__

    def test_objects_that_are_dropped_here_are_released_there(self, opened):
        session = opened()
        hw = session.module
        before = hw.count_things()
        things = [hw.make() for _ in range(5)]
        assert hw.count_things() == before + 5
        del things
        session.begin()  # the calls of the last check are no longer kept
        gc.collect()
        assert hw.count_things() == before

    def test_an_object_that_comes_back_while_it_is_dropped_stays(self, hw):
        hw.hold(hw.make())
        things = [hw.get_held()]

        def drop():
            things.clear()
            gc.collect()

        def drop_and_get_again():
            drop()
            things.append(hw.get_held())

        hw.call(drop_and_get_again)
        again = things[0]
        drop()
        assert again.value == 1.0
        assert hw.get_held() is again

    def test_an_object_of_a_worker_that_is_gone_is_gone(self, opened):
        hw = opened().module
        old = hw.make()
        with pytest.raises(SubmissionCrashed):
            hw.crash()
        new = hw.make()
        assert new.value == 1.0
        uses = [
            lambda thing: thing.value,
            lambda thing: hw.echo(thing),
            lambda thing: thing + 1,
            lambda thing: setattr(thing, "a", 1),
        ]
        for use in uses:
            with pytest.raises(SubmissionCrashed, match="was lost when its process ended"):
                use(old)
        del old
        gc.collect()
        assert new.value == 1.0

    def test_objects_of_two_submissions_do_not_mix(self, hw, opened):
        with pytest.raises(TypeError, match="cannot be passed to another"):
            opened().module.echo(hw.make())


class TestNames:
    def test_values_of_the_module_are_copied(self, hw):
        assert hw.scale == 3.0
        assert hw.table == {"rows": [1, 2]}

    def test_a_missing_name_is_explained(self, hw):
        with pytest.raises(MissingName, match="It defines 'square': is that a misspelling"):
            _ = hw.sqare
        with pytest.raises(MissingName, match=r"work does not define 'zzzzzz'\.$"):
            _ = hw.zzzzzz

    def test_a_name_that_is_missing_because_of_an_error_tells_the_error(self, opened):
        cells = (
            Cell(filename="cell a", source="def f(): return 1\n1 / 0\ndef g(): pass"),
            Cell(filename="cell b", source="h = 1"),
        )
        session = opened()
        session.cells = cells
        assert (session.module.f(), session.module.h) == (1, 1)
        for _ in range(3):
            with pytest.raises(ZeroDivisionError) as caught:
                _ = session.module.g
        assert [(frame.filename, frame.line, frame.code) for frame in caught.value.frames] == [("cell a", 2, "1 / 0")]
        assert len(caught.traceback) < 5

    @pytest.mark.parametrize(
        ("source", "kind", "line"),
        [
            ("x = 1\ndef f(:\n", SyntaxError, 2),
            ("import not_there_at_all", ModuleNotFoundError, 1),
            ("raise SystemExit(3)", Exception, 1),
            ("raise KeyboardInterrupt", Exception, 1),
            ("\n  x = 1", IndentationError, 2),
            ("x = 'a\0b'", (SyntaxError, ValueError), None),
        ],
    )
    def test_a_module_that_does_not_load_says_why(self, opened, source, kind, line):
        session = opened(source)
        with pytest.raises(kind) as caught:
            session.module.f(1)
        assert isinstance(caught.value, SubmissionRaised)
        assert [frame.line for frame in caught.value.frames] == ([line] if line else [])
        assert session.failures()[0] is caught.value

    def test_strange_names_do_no_harm(self, opened):
        assert opened("globals()[1] = 2\nx = 3").module.x == 3


BUILTIN = [
    kind
    for kind in vars(builtins).values()
    if isinstance(kind, type) and issubclass(kind, Exception) and not issubclass(kind, ExceptionGroup)
]


class TestExceptions:
    @pytest.mark.parametrize("kind", BUILTIN, ids=lambda kind: kind.__name__)
    def test_builtin_exceptions_arrive_as_what_they_are(self, hw, kind):
        arguments = {UnicodeDecodeError: ("utf-8", b"x", 0, 1, "bad"), UnicodeTranslateError: ("x", 0, 1, "bad")}
        arguments[UnicodeEncodeError] = ("utf-8", "x", 0, 1, "bad")
        with pytest.raises(kind) as caught:
            hw.fail(kind.__name__, *arguments.get(kind, ("why",)))
        assert isinstance(caught.value, SubmissionRaised)
        assert type(caught.value).__mro__[2] is kind
        assert caught.value.type_name == kind.__name__
        said = str(kind(*arguments.get(kind, ("why",))))
        assert str(caught.value) == ("used more than 2048 MiB of memory (why)" if kind is MemoryError else said)

    @pytest.mark.parametrize("name", ["SystemExit", "KeyboardInterrupt", "GeneratorExit", "BaseException"])
    def test_exceptions_that_end_processes_arrive_as_plain_ones(self, hw, name):
        with pytest.raises(SubmissionRaised) as caught:
            hw.fail(name)
        assert type(caught.value).__mro__[2] is Exception

    def test_groups_arrive_as_plain_exceptions(self, hw):
        with pytest.raises(SubmissionRaised, match="several"):
            hw.fail_together()

    def test_own_exceptions_arrive_as_the_nearest_builtin_type(self, hw):
        with pytest.raises(ValueError, match="odd") as caught:
            hw.fail_oddly()
        assert caught.value.type_name == "Odd"

    def test_the_students_own_lines_come_along(self, hw):
        with pytest.raises(ZeroDivisionError) as caught:
            hw.deep(3)
        assert [frame.function for frame in caught.value.frames] == ["deep"] * 4
        assert {frame.filename for frame in caught.value.frames} == {"work.py"}
        assert caught.value.frames[-1].code == "def deep(n): return deep(n - 1) if n else 1 / 0"
        with pytest.raises(RecursionError) as caught:
            hw.deep(100_000)
        assert len(caught.value.frames) <= 12

    def test_lines_of_libraries_do_not_come_along(self, hw):
        with pytest.raises(ValueError) as caught:
            hw.square(np.ones(2)) if False else hw.Thing(np.ones(2)).__matmul__(np.ones((3, 1)))
        assert {frame.filename for frame in caught.value.frames} == {"work.py"}

    def test_an_exception_that_cannot_tell_its_message_still_arrives(self, hw):
        with pytest.raises(SubmissionRaised) as caught:
            hw.vandal()
        assert (caught.value.type_name, str(caught.value)) == ("Sly", "")

    @pytest.mark.parametrize(
        ("name", "args", "text"), [("too_big", (), "bits"), ("too_big_inside", ([],), "bits"), ("large", (), "bytes")]
    )
    def test_what_is_too_large_to_come_back_is_said(self, hw, session, name, args, text):
        before = session._process
        with pytest.raises(SubmissionRaised, match=f"{text}.* is too large to carry"):
            getattr(hw, name)(*args)
        assert session._process is before


class TestSizes:
    def test_what_is_returned_may_have_the_size_that_the_assignment_says_and_no_more(self, opened):
        session = opened("import numpy as np\ndef zeros(n): return np.zeros(n, np.uint8)", answer_mb=1)
        assert len(session.module.zeros(1 << 20)) == 1 << 20
        with pytest.raises(SubmissionCrashed, match="zeros returned more than 1 MiB"):
            session.module.zeros((1 << 20) + 1)
        assert len(session.module.zeros(5)) == 5

    @pytest.mark.parametrize("n", [LARGE // 8 - 1, LARGE // 8, 3 * LARGE])
    def test_large_arrays_go_both_ways_beside_small_ones_and_change_in_place(self, hw, n):
        x, small = np.arange(float(n)), np.arange(3, dtype=np.int8)
        pair = [x, small]
        (back, other), kwargs = hw.echo(x[::-1], small + 1, key=x[1:])
        assert np.array_equal(back, x[::-1])
        assert other.tolist() == [1, 2, 3]
        assert np.array_equal(kwargs["key"], x[1:])
        square = hw.square(x)
        square[0] = 5  # an array of our own
        hw.write(x)
        assert (x[0], x[-1]) == (7, n - 1)
        hw.swap(pair)
        assert pair[0] is small

    def test_large_tensors_go_both_ways(self, torch_hw):
        x = torch.arange(100_000.0)
        y = torch_hw.double(x)
        assert torch.equal(y, 2 * x)
        torch_hw.step(y, x)
        assert torch.equal(y, x)


class TestEnds:
    """A submission that ends its process or never answers costs that call, and no other."""

    def test_each_end_is_named_and_the_next_call_works(self, opened):
        session = opened(call_seconds=0.4)
        other = opened("n = [0]\ndef count():\n    n[0] += 1\n    return n[0]")
        assert other.module.count() == 1
        hw = session.module
        for call, error, text in [
            (hw.crash, SubmissionCrashed, r"ended its own process \(exit status 3\)"),
            (hw.segfault, SubmissionCrashed, r"ended its own process \(killed by signal 11: segmentation fault\)"),
            (hw.endless, SubmissionTimeout, "endless did not return within 0.4 s"),
            (lambda: hw.nap(60), SubmissionTimeout, "nap did not return within 0.4 s"),
        ]:
            with pytest.raises(error, match=text):
                call()
            assert hw.echo(1) == 1
        assert other.module.count() == 2

    def test_leaving_is_an_exception_and_not_an_end(self, hw, session):
        before = session._process
        with pytest.raises(SubmissionRaised, match="5") as caught:
            hw.leave()
        assert caught.value.type_name == "SystemExit"
        assert session._process is before

    def test_an_object_that_hangs_is_named_without_a_function(self, opened):
        source = "class T:\n    @property\n    def x(self):\n        while True: pass"
        with pytest.raises(SubmissionTimeout, match=r"it did not return within 0\.3 s"):
            _ = opened(source, call_seconds=0.3).module.T().x

    def test_the_seconds_of_a_check_count_over_its_calls(self, opened):
        session = opened(check_seconds=0.5)
        session.begin()
        with pytest.raises(SubmissionTimeout, match=r"nap did not return within 0\.5 s"):
            [session.module.nap(0.05) for _ in range(100)]
        session.begin()
        assert session.module.echo(1) == 1

    def test_the_end_of_a_checks_seconds_does_not_hurt_what_comes_after(self, opened):
        session = opened(check_seconds=0.05)
        session.begin()
        with session.stand_in({"square": lambda x: 100}):
            assert session.names()["square"]
            time.sleep(0.1)
        session.begin()
        assert session.module.square(2) == 4

    def test_a_flood_of_output_goes_nowhere(self, hw, capfd):
        assert hw.flood() == 1
        assert capfd.readouterr() == ("", "")

    @pytest.mark.parametrize(
        ("source", "error", "text"),
        [
            ("while True: pass", SubmissionTimeout, "it did not return within 0.5 s"),
            ("import os; os._exit(0)", SubmissionCrashed, "exit status 0"),
        ],
    )
    def test_a_module_that_never_loads_is_given_up(self, opened, source, error, text):
        session = opened(source, load_seconds=0.5)
        for _ in range(2):
            with pytest.raises(error, match=text):
                session.module.f()
        began = time.monotonic()
        with pytest.raises(error, match=text):
            session.names()
        assert time.monotonic() - began < 0.1

    def test_an_interrupt_leaves_no_call_half_done(self, opened, monkeypatch):
        session = opened()
        assert session.module.echo(1) == 1
        process = session._process
        original = process.channel.receive_frame

        def interrupted(deadline):
            raise KeyboardInterrupt

        monkeypatch.setattr(process.channel, "receive_frame", interrupted)
        with pytest.raises(KeyboardInterrupt):
            session.module.echo(2)
        monkeypatch.setattr(process.channel, "receive_frame", original)
        assert session.module.echo(3) == 3
        assert session._process is not process

    def test_closing_leaves_neither_process_nor_folder(self, opened):
        session = opened()
        assert session.module.echo(1) == 1
        process = session._process
        session.close()
        assert process.exit_text()
        assert not process.scratch.exists()
        session.close()


FORGE = """
import gc, os, socket, struct, json, time

def find():
    from grader.sandbox.channel import Channel
    return next(o for o in gc.get_objects() if isinstance(o, Channel))
def frame(text, data=b""): return struct.pack("!IQ", len(text), len(data)) + text + data
def current():
    return next(o for o in gc.get_objects() if type(o).__name__ == "Worker")._scopes[-1].call
def send(data): find()._end.sendall(data)
def say(*parts): send(frame(json.dumps([p if p != "ID" else current() for p in parts]).encode()))
def garbage(): send(b"\\0" * 1000)
def announce(): send(struct.pack("!IQ", 2, 1 << 40))
def half(): send(frame(b"[1]")[:-1]); time.sleep(60)
def queued():
    for _ in range(50): say("ok", "ID", [], "forged")
    return "honest"
def shut(): find()._end.close(); time.sleep(60)
def honest(): return "honest"
def mix(x): say("ok", "ID", [[0, ["l", 1]]], 1)
"""


LOADED = ["ok", "ID", [], ["t", ["d", "f", True], ["l"]]]


def end(process):
    """Kill a worker behind the session's back."""
    process.channel._end.shutdown(socket.SHUT_RDWR)


class FakeProcess:
    """A worker in a thread that answers the same to whatever it is asked."""

    def __init__(self, load, answer, data):
        ours, self._theirs = socket.socketpair()
        self.channel, self._load, self._answer, self._data = Channel(ours), load, answer, data
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self):
        channel = Channel(self._theirs)
        with suppress(Closed):
            while True:
                (kind, call, *_), _ = channel.receive()
                loaded = [call if part == "ID" else part for part in self._load]
                text = json.dumps(loaded).encode() if kind == "load" else self._answer(call)
                data = b"" if kind == "load" else self._data
                channel.send([HEAD.pack(len(text), len(data)), text, data])

    def cpu_seconds(self):
        return None

    def kill(self):
        self.channel.close()
        self._thread.join()
        self._theirs.close()


@pytest.fixture
def fake(monkeypatch):
    """A function that opens sessions with a worker that answers as told."""
    sessions = []

    def make(answer=None, data=b"", load=LOADED):
        sandbox = SimpleNamespace(process=lambda limits, cells: FakeProcess(load, answer, data))
        monkeypatch.setattr("grader.remote.session.current", lambda: sandbox)
        sessions.append(open_session())
        return sessions[-1]

    yield make
    for session in sessions:
        session.close()


@pytest.fixture(scope="module")
def forger():
    session = open_session(FORGE, name="forger", call_seconds=0.5)
    yield session
    session.close()


class TestPatience:
    def test_a_call_that_could_not_compute_gets_more_time_by_the_clock(self):
        hw_session = open_session(call_seconds=0.3)
        try:
            assert hw_session.module.nap(0.7) == 0.7
        finally:
            hw_session.close()

    def test_there_is_an_end_to_it(self):
        hw_session = open_session(call_seconds=0.2)
        began = time.monotonic()
        try:
            with pytest.raises(SubmissionTimeout):
                hw_session.module.nap(60)
            assert time.monotonic() - began < 20
        finally:
            hw_session.close()

    def test_where_the_system_does_not_tell_the_clock_decides(self, monkeypatch):
        monkeypatch.setattr("grader.sandbox.process._cpu_seconds", lambda pid: None)
        hw_session = open_session(call_seconds=0.3)
        try:
            with pytest.raises(SubmissionTimeout):
                hw_session.module.nap(1.0)
        finally:
            hw_session.close()


class TestUnfolding:
    """What is small on its way and gigantic when it is looked at never arrives."""

    @pytest.mark.parametrize(
        ("code", "said"),
        [
            ("def f(x):\n    for _ in range(60): x = [x, x]\n    return x", "too large to unfold"),
            ("def f(x):\n    x.append(x)", "a value holds itself"),
            ("def f(x):\n    y = [x]\n    y.append(y)\n    return y", "a value holds itself"),
            ("def f(x):\n    for _ in range(60): x[:] = [list(x), [x[:]]] * 2", "cannot be carried|too large"),
        ],
    )
    def test_an_answer_or_a_change_that_unfolds_without_end_is_a_crash(self, opened, code, said):
        x = [1.0]
        with pytest.raises((SubmissionCrashed, SubmissionRaised), match=said):
            opened(code).module.f(x)
        assert x in ([], [1.0])  # not what nobody could print

    def test_what_grows_later_is_noticed_then(self, opened):
        code = """if True:
            def f(x, leaf, more):
                x[:] = leaf
                y = x
                for _ in range(12): y = [y, y]
                leaf.append(y)
                more()
                x[:] = [0.0] * 100_000
        """
        with pytest.raises(SubmissionCrashed, match="too large to unfold"):
            opened(code).module.f([1.0], [], lambda: None)


class TestLimits:
    """What was too much is named, with how much it may be."""

    def test_memory_that_a_call_or_the_module_itself_takes(self, opened):
        code = "import torch\ndef numpy_(): bytearray(1 << 30)\ndef torch_(): return torch.ones(1 << 28)"
        session = opened(code, memory_mb=300)
        for function in (session.module.numpy_, session.module.torch_):
            with pytest.raises(MemoryError, match=r"^used more than 300 MiB of memory") as caught:
                function()
            assert caught.value.type_name == "MemoryError"
        (failure,) = opened("data = bytearray(1 << 30)", memory_mb=300).failures()
        assert str(failure) == "used more than 300 MiB of memory"

    def test_files_that_are_too_large(self, opened):
        session = opened("def keep(): open('big', 'wb').write(bytes(3 << 20))", scratch_mb=2)
        with pytest.raises(OSError, match=r"^kept more than 2 MiB in files \(\[Errno \d+\]"):
            session.module.keep()

    def test_computing_in_all(self, opened):
        session = opened("def loop():\n    while True: pass", cpu_seconds=1)
        with pytest.raises(SubmissionTimeout, match="your code used more than 1 s of computing in all"):
            session.module.loop()

    def test_other_errors_keep_their_words(self, opened):
        session = opened("def missing(): open('there is none')")
        with pytest.raises(FileNotFoundError, match=r"^\[Errno 2\] No such file"):
            session.module.missing()


class TestForgery:
    def test_nonsense_while_loading_is_not_tried_for_ever(self, fake):
        session = fake(load=["ok", "ID", [], 1])
        for _ in range(4):
            with pytest.raises(SubmissionCrashed, match="answered nonsense while it was loaded"):
                session.names()
        assert len(session._gone) == 2

    def test_of_a_forged_traceback_only_the_last_lines_are_kept(self):
        frames = [("work.py", line, "f", "") for line in range(1000)]
        error = described((["ValueError"] * 100, "why", frames))
        assert [frame.line for frame in error.frames] == list(range(988, 1000))

    def test_an_answer_that_cannot_be_read_is_a_crash(self, forger):
        with pytest.raises(SubmissionCrashed, match="sent an answer that cannot be read"):
            forger.module.garbage()
        assert forger.module.honest() == "honest"

    def test_an_answer_larger_than_allowed_is_a_crash_that_says_so(self, forger):
        with pytest.raises(SubmissionCrashed, match="announce returned more than 256 MiB"):
            forger.module.announce()
        assert forger.module.honest() == "honest"

    @pytest.mark.parametrize(
        "parts",
        [
            [],
            ["ok", "ID"],
            ["ok", "ID", []],
            ["ok", "ID", [], 1, 2],
            ["ok", "ID", {}, 1],
            ["ok", "ID", None, 1],
            ["win", "ID", [], 1],
            [["ok"], "ID", [], 1],
            ["ok", ["ID"], [], 1],
            ["ok", None, [], 1],
            ["ok", "ID", [1], 1],
            ["ok", "ID", [[0, ["l"], 1]], 1],
            ["ok", "ID", [[99, ["l"]]], 1],
            ["ok", "ID", [], ["k", 0]],
            ["ok", "ID", [], ["h", "0", "T"]],
            ["ok", "ID", [], ["h", 0]],
            ["ok", "ID", [], ["h", 0, 5]],
            ["ok", "ID", [], ["p", "a", 0]],
            ["error", "ID", [], "ValueError"],
            ["error", "ID", [], ["t", ["l", 1], "m", ["l"]]],
            ["error", "ID", [], ["t", ["l"], "m", ["l", 1]]],
            ["error", "ID", [], ["t", ["l"], "m", ["l", ["t", "f", "1", "g", ""]]]],
            ["callback", "ID", [], 99, [], {}],
            ["callback", "ID", [], "0", [], {}],
            ["callback", "ID", [], [0], [], {}],
            ["callback", "ID", [], 0, ["t"], ["d"]],
            ["callback", "ID", [], 0, {}, {}],
            ["callback", "ID", [], 0],
        ],
    )
    def test_a_forged_answer_is_a_crash(self, fake, parts):
        session = fake(lambda call: json.dumps([call if part == "ID" else part for part in parts]).encode())
        with pytest.raises(SubmissionCrashed, match="sent an answer that cannot be read"):
            session.module.f()

    @pytest.mark.parametrize(
        ("text", "data"),
        [
            (b'["ok", "CALL", [], NaN]', b""),
            (b"", b""),
            (b'["ok", "CALL", [], 1]', b"123"),
            (b'["ok", "0000", [], 1]', b""),
        ],
    )
    def test_a_frame_that_breaks_the_rules_is_a_crash(self, fake, text, data):
        session = fake(lambda call: text.replace(b"CALL", call.encode()), data)
        with pytest.raises(SubmissionCrashed, match="sent an answer that cannot be read"):
            session.module.f()

    def test_half_an_answer_is_a_time_out(self, forger):
        with pytest.raises(SubmissionTimeout, match="half did not return"):
            forger.module.half()

    def test_a_closed_connection_is_a_crash(self, forger):
        with pytest.raises(SubmissionCrashed, match="it closed the connection"):
            forger.module.shut()

    def test_answers_queued_for_later_calls_decide_nothing(self, forger):
        assert forger.module.queued() == "forged"  # its own answer is its own affair
        with pytest.raises(SubmissionCrashed, match="belongs to no call"):
            forger.module.honest()
        assert forger.module.honest() == "honest"

    def test_a_change_that_turns_an_array_into_a_list_is_refused(self, forger):
        with pytest.raises(SubmissionCrashed, match="a change turns a ndarray into a list"):
            forger.module.mix(np.zeros(2))

    def test_a_claim_that_a_callback_failed_is_the_submissions_own(self, fake):
        answer = ["t", ["l", "CallbackFailed"], "lie", ["l"]]
        session = fake(lambda call: json.dumps(["error", call, [], answer]).encode())
        with pytest.raises(SubmissionRaised, match="lie") as caught:
            session.module.f()
        assert caught.value.type_name == "CallbackFailed"

    @pytest.mark.parametrize(
        "answer",
        [
            ["ok", "ID", [], 1],
            ["ok", "ID", [], ["t", 1, 2]],
            ["ok", "ID", [], ["t", ["d", 1, 2], ["l"]]],
            ["ok", "ID", [], ["t", ["d"], ["l", ["t", 1, 2]]]],
            ["error", "ID", [], ["t", ["l", "ValueError"], "no", ["l"]]],
        ],
    )
    def test_nonsense_while_loading_is_a_crash(self, fake, answer):
        session = fake(load=answer)
        with pytest.raises(SubmissionCrashed, match="nonsense while it was loaded"):
            session.names()


class TestRecords:
    def test_the_calls_of_a_check_can_be_rebuilt_as_they_were_made(self, session):
        hw = session.module
        session.begin()
        x = np.zeros(2)
        hw.write(x)
        hw.echo([1], key=np.float32(2))
        with pytest.raises(ZeroDivisionError):
            hw.deep(0)
        hw.make().double()
        hw.call(lambda: 1)
        write, echo, deep, make, call = session.recorded()
        assert [entry.name for entry in session.recorded()] == ["write", "echo", "deep", "make", "call"]
        ((before,), kwargs) = write.arguments()
        assert (before.tolist(), kwargs) == ([0, 0], {})
        assert echo.arguments() == (([1],), {"key": np.float32(2)})
        assert issubclass(deep.value, ZeroDivisionError)
        assert isinstance(make.value, RemoteObject)
        assert call.value == 1
        with pytest.raises(WireError, match="cannot be rebuilt"):
            call.arguments()
        session.begin()
        assert session.recorded() == []

    @pytest.mark.parametrize(("n", "kept"), [(SMALL // 8, 1), (SMALL // 8 + 1, 0)])
    def test_calls_of_large_arrays_are_not_kept_whichever_way_they_went(self, session, n, kept):
        session.begin()
        x = np.zeros(n)
        session.module.write(x)
        session.module.shape_of(x)
        session.module.zeros(n)
        assert [call.name for call in session.recorded()] == ["write", "shape_of", "zeros"][: 3 * kept]
        for call in session.recorded()[:2]:
            assert call.arguments()[0][0][0] in (0, 7)

    def test_a_call_that_was_never_sent_is_not_recorded(self, session):
        session.begin()
        with pytest.raises(TypeError):
            session.module.echo(object())
        assert session.recorded() == []


@pytest.fixture(scope="module")
def torch_hw():
    source = (
        "import torch\nimport torch.nn as nn\n"
        "def loss(w, x): return ((x @ w) ** 2).sum()\n"
        "def step(w, rate):\n    with torch.no_grad(): w -= rate\n"
        "def double(x): return 2 * x\n"
        "def model(): return nn.Linear(2, 1)\n"
        "def draw(generator): return torch.rand(3, generator=generator)\n"
        "def track(x, w): x.mul_(w)\n"
    )
    session = open_session(source, name="torch_work", call_seconds=30, load_seconds=60)
    yield session.module
    session.close()


class TestTorch:
    def test_tensors_cross_and_change_in_place(self, torch_hw):
        x = torch.arange(3.0)
        y = torch_hw.double(x)
        assert torch.equal(y, 2 * x)
        torch_hw.step(x, 1.0)
        assert x.tolist() == [-1, 0, 1]

    def test_a_leaf_that_requires_a_gradient_arrives_as_one_and_changes_in_place(self, torch_hw):
        w = torch.ones(2, requires_grad=True)
        torch_hw.step(w, 0.5)
        assert w.tolist() == [0.5, 0.5]
        assert w.requires_grad

    def test_a_loss_is_an_object_that_runs_backward_there(self, torch_hw):
        loss = torch_hw.loss(torch.ones(2, requires_grad=True), torch.ones(3, 2))
        assert isinstance(loss, RemoteObject)
        assert loss.item() == 12
        loss.backward()

    def test_gradients_of_a_models_parameters_are_seen(self, torch_hw):
        model = torch_hw.model()
        model(torch.ones(4, 2)).sum().backward()
        assert torch.equal(model.weight.grad, torch.full((1, 2), 4.0))
        assert torch.is_tensor(model.weight.detach())

    def test_an_argument_that_joins_a_graph_in_place_still_changes_here(self, torch_hw):
        x = torch.ones(2)
        torch_hw.track(x, torch.full((2,), 3.0, requires_grad=True))
        assert x.tolist() == [3, 3]

    def test_generators_advance(self, torch_hw):
        ours, twin = torch.Generator().manual_seed(0), torch.Generator().manual_seed(0)
        assert torch.equal(torch_hw.draw(ours), torch.rand(3, generator=twin))
        assert torch.equal(torch.rand(1, generator=ours), torch.rand(1, generator=twin))
