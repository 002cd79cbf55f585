import os
import socket
import sys
import threading

import numpy as np
import pytest

from grader.errors import WireError
from grader.sandbox.channel import Channel
from grader.sandbox.foretold import foretell
from grader.sandbox.shared import Shared
from grader.sandbox.worker import Worker
from grader.wire import Decoder, Encoder, pack, written

SOURCE = """
import numpy as np
x = 1
_hidden = 2
class T:
    def __init__(self): self.n = 0
def make(): return T()
def f(x): return 2 * x
def calls(g, x): return g(x)
def thrice(g, x): return [g(x), g(x + 1), g(x + 2)]
def path_of(path): return str(path), path.read_text()
def big(): return [1 << 5000]
def add_big(rows): rows.append(1 << 5000)
def add_big_after(g, rows):
    rows.append(1)
    g(rows)
    rows.append(1 << 5000)
def echo(x): return x
def grow(rows): rows.append(9)
rows = [1]
def kept(): return rows
def spoil(): rows.clear()
def ones(n): return np.ones(n)
def write(x): x[0] += 5
"""


class Client:
    """Asks a worker that runs in a thread of this process."""

    def __init__(self, folder):
        ours, theirs = socket.socketpair()
        self.channel = Channel(ours)
        self.worker = Worker(Channel(theirs), folder)
        self.thread = threading.Thread(target=self._serve, args=(theirs,))
        self.thread.start()

    def _serve(self, end):
        with end:
            self.worker.serve()

    def send(self, kind, names=(), args=(), kwargs=None, data=b""):
        self.channel.send(pack([kind, "call", names, args, kwargs or {}], [data]))

    def tell(self, *answer):
        self.channel.send(pack([*answer], []))

    def answer(self):
        tree, data = self.channel.receive()
        decoder = Decoder(data, lambda tag, args: (tag, *args))
        assert tree[1] == "call"
        return tree[0], tree[2], [decoder.decode(part) for part in tree[3:]]

    def ask(self, kind, names=(), args=(), kwargs=None, data=b""):
        self.send(kind, names, args, kwargs, data=data)
        return self.answer()

    def value(self, *request, data=b""):
        answer, changes, (value,) = self.ask(*request, data=data)
        assert (answer, changes) == ("ok", [])
        return value

    def error(self, *request):
        answer, changes, (description,) = self.ask(*request)
        assert (answer, changes) == ("error", [])
        return description

    def close(self):
        self.channel.close()
        self.thread.join()


@pytest.fixture
def client(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "work", None)
    client = Client(tmp_path)
    client.loaded = client.value("load", ["work"], [["l", ["t", "work.py", SOURCE]]])
    yield client
    client.close()


def call(name, *args):
    return "call", [0, name], args


def test_loading_tells_names_and_which_can_be_called(client):
    names = "T make f calls thrice path_of big add_big add_big_after echo grow kept spoil ones write".split()
    assert client.loaded == (dict.fromkeys(names, True) | {"np": False, "x": False, "rows": False}, [])
    assert sys.modules["work"].x == 1


def test_loading_goes_on_after_a_cell_that_fails(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "cells", None)
    client = Client(tmp_path)
    cells = [
        ["t", "cell 1", "a = 1\n1 / 0"],
        ["t", "cell 2", "b ="],
        ["t", "cell 3", "c = a"],
        ["t", "cell 4", "exit(3)"],
    ]
    names, failures = client.value("load", ["cells"], [["l", *cells]])
    client.close()
    assert names == {"a": False, "c": False}
    assert [(failure[0], failure[1][0]) for failure in failures] == [
        ("cell 1", "ZeroDivisionError"), ("cell 2", "SyntaxError"), ("cell 4", "SystemExit"),
    ]  # fmt: skip
    assert failures[0][3] == [("cell 1", 2, "<module>", "1 / 0")]
    assert failures[1][3] == [("cell 2", 1, "", "b =")]


def test_calls_attributes_and_operators_are_answered(client):
    assert client.value(*call("f", 2)) == 4
    tag, number, name = client.value(*call("make"))
    assert (tag, number, name) == ("h", 1, "T")
    assert client.value("get", [1, "n"]) == 0
    assert client.value("set", [1, "n"], [5]) is None
    assert client.value("get", [1, "n"]) == 5
    assert client.value("operator", ["add"], [1, 2]) == 3
    assert client.value("operator", ["len"], [["l", 1, 2]]) == 2


def test_an_object_has_one_number_until_it_is_dropped(client):
    assert client.value(*call("make"))[1] == 1
    assert client.value("operator", ["getitem"], [["l", ["h", 1, "T"]], 0])[1] == 1
    assert client.value(*call("make"))[1] == 2
    client.send("drop", [1, 0, 77])
    bases, message, frames = client.error("get", [1, "n"])
    assert (bases[0], message, frames) == ("KeyError", "1", [])
    assert client.value("get", [0, "x"]) == 1  # the module stays


def test_names_mean_what_stands_in_until_it_does_no_longer(client):
    client.send("stand_in", kwargs={"f": ["x", "float"], "fresh": 3})
    assert client.value(*call("f", 2.5)) == 2.5
    client.send("stand_in", kwargs={"f": ["x", "int"], "other": ["k", 1]})
    assert client.value(*call("f", 2.5)) == 2
    assert client.error("get", [0, "fresh"])[0][0] == "AttributeError"
    client.send("stand_in")
    assert client.value(*call("f", 2.5)) == 5.0
    assert client.error("get", [0, "other"])[0][0] == "AttributeError"


def test_files_get_a_folder_each_and_cannot_be_written_to(client, tmp_path):
    where, text = client.value(*call("path_of", ["p", "../a.csv", 3]), data=b"1,2")
    again, _ = client.value(*call("path_of", ["p", "../a.csv", 3]), data=b"3,4")
    assert text == "1,2"
    assert where != again
    assert os.path.dirname(os.path.dirname(where)) == str(tmp_path)
    assert os.path.basename(where) == "a.csv"
    assert os.stat(where).st_mode & 0o777 == 0o444


@pytest.mark.parametrize(
    ("request_", "kind", "message"),
    [
        (("leap",), "KeyError", "leap"),
        (call("f", ["w", 1]), "ValueError", "unknown tag 'w'"),
        (call("f", ["q", 1, []]), "KeyError", "1"),
        (call("f", ["a", "<f8", [-1], True]), "WireError", "shape is malformed"),
        (call("f", ["h", 9]), "KeyError", "9"),
        (call("big"), "WireError", "5001 bits"),
        (call("add_big", ["l"]), "WireError", "5001 bits"),
        (("operator", ["no_such"]), "AttributeError", "no_such"),
    ],
)
def test_what_cannot_be_done_or_told_is_an_error_and_the_worker_goes_on(client, request_, kind, message):
    bases, text, _ = client.error(*request_)
    assert bases[0] == kind
    assert message in text
    assert client.value(*call("f", 2)) == 4


def test_a_callback_asks_and_other_requests_are_answered_meanwhile(client):
    client.send(*call("calls", ["k", 5], 3))
    assert client.channel.receive()[0] == ["callback", "call", [], 5, [3], {}]
    client.channel.send(pack(["call", "inner", [0, "f"], [1], {}], []))
    assert client.channel.receive()[0] == ["ok", "inner", [], 2]
    client.channel.send(pack(["drop", "", [], [], {}], []))
    client.tell("return", "call", [], 10)
    assert client.answer() == ("ok", [], [10])


def test_a_callback_that_failed_is_an_exception_there(client):
    client.send(*call("calls", ["k", 5], 3))
    assert client.channel.receive()[0][0] == "callback"
    client.tell("raise", "call", [])
    answer, _, ((bases, message, frames),) = client.answer()
    assert answer == "error"
    assert (bases, message) == (["CallbackFailed"], "a function that the check passed in raised an exception")
    assert [frame[2] for frame in frames] == ["calls"]


def test_one_callback_is_one_function_while_it_lives(client):
    assert client.value("operator", ["is_"], [["k", 5], ["k", 5]]) is True
    assert client.value("operator", ["is_"], [["k", 5], ["k", 6]]) is False


def test_a_worker_whose_checks_hang_up_in_a_callback_ends(client):
    client.send(*call("calls", ["k", 5], 3))
    assert client.channel.receive()[0][0] == "callback"
    client.close()
    assert not client.thread.is_alive()


class TestAhead:
    """Requests that were sent before their time."""

    REQUESTS = (
        ("call", "first", [0, "make"], []),
        ("set", "second", [["q", 0, []], "n"], [7]),
        ("get", "third", [["q", 0, []], "n"], []),
        ("call", "fourth", [0, "echo"], [["l", 1, ["l", 2]]]),
        ("call", "fifth", [0, "f"], [["q", 3, [1]]]),
        ("call", "sixth", [0, "grow"], [["q", 3, []]]),
        ("operator", "seventh", ["len"], [["q", 3, []]]),
        ("call", "eighth", [0, "f"], [["q", 4, [5]]]),
    )

    def send(self, client, requests, kept, foretold=None):
        sealed = foretold or [[] for _ in requests]
        sizes = [[len(one) for one in some] for some in sealed]
        data = [one for some in sealed for one in some]
        client.channel.send(pack(["ahead", "", [len(requests), kept, sizes], [], {}], data))
        for kind, number, names, args in requests:
            client.channel.send(pack([kind, number, names, args, {}], []))

    def answers(self, client, n):
        return [client.channel.receive()[0] for _ in range(n)]

    def test_they_are_answered_one_after_the_other_and_may_name_earlier_answers(self, client):
        self.send(client, self.REQUESTS, [0, 3, 4])
        answers = self.answers(client, len(self.REQUESTS))
        assert [answer[:3] for answer in answers[:5]] == [
            ["ok", number, []] for number in ("first", "second", "third", "fourth", "fifth")
        ]
        assert answers[2][3] == 7
        assert answers[4][3] == ["l", 2, 2]
        assert answers[5] == ["ok", "sixth", [[0, ["l", 1, ["r", 1], 9]]], None]
        assert answers[6] == ["ok", "seventh", [], 3]
        assert answers[7][:2] == ["error", "eighth"]
        assert client.value(*call("f", 2)) == 4

    def test_what_is_named_is_what_was_told_and_not_what_became_of_it(self, client):
        requests = [
            ("call", "a", [0, "kept"], []),
            ("call", "b", [0, "spoil"], []),
            ("operator", "c", ["len"], [["q", 0, []]]),
        ]
        self.send(client, requests, [0])
        assert [answer[3] for answer in self.answers(client, 3)] == [["l", 1], None, 1]
        assert client.value(*call("kept")) == []

    @pytest.mark.parametrize("size", [3, 100_000])
    def test_arrays_among_them_are_copies_that_can_be_written_to(self, client, size):
        requests = [("call", "a", [0, "ones"], [size])] + [("call", n, [0, "write"], [["q", 0, []]]) for n in "bc"]
        self.send(client, requests, [0])
        values = []
        for _ in requests:
            tree, data = client.channel.receive()
            values.append((tree[0], len(tree[2]), len(data)))
        assert values == [("ok", 0, 8 * size), ("ok", 1, 8 * size), ("ok", 1, 8 * size)]

    def test_what_is_not_kept_cannot_be_named(self, client):
        self.send(client, self.REQUESTS[:3], [])
        assert [answer[0] for answer in self.answers(client, 3)] == ["ok", "error", "error"]

    def test_what_cannot_be_kept_after_a_change_cannot_be_named_any_more(self, client):
        requests = [
            ("call", "a", [0, "echo"], [["l"]]),
            ("call", "b", [0, "add_big_after"], [["k", 5], ["q", 0, []]]),
            ("operator", "c", ["len"], [["q", 0, []]]),
        ]
        self.send(client, requests, [0])
        assert self.answers(client, 2)[1][:2] == ["callback", "b"]
        client.tell("return", "b", [], None)
        assert [(answer[0], answer[1]) for answer in self.answers(client, 2)] == [("error", "b"), ("error", "c")]

    def test_requests_that_follow_are_answered_after_them(self, client):
        self.send(client, [("call", "a", [0, "f"], [1]), ("call", "b", [0, "f"], [2])], [])
        client.channel.send(pack(["call", "c", [0, "f"], [3], {}], []))
        assert [answer[1] for answer in self.answers(client, 3)] == ["a", "b", "c"]

    def test_a_request_while_one_of_them_calls_back_is_answered_before_the_others(self, client):
        self.send(client, [("call", "a", [0, "calls"], [["k", 5], 3]), ("call", "b", [0, "f"], [1])], [])
        assert self.answers(client, 1)[0][:2] == ["callback", "a"]
        client.channel.send(pack(["call", "c", [0, "f"], [2], {}], []))
        client.tell("raise", "a", [])
        assert [answer[:2] for answer in self.answers(client, 3)] == [["ok", "c"], ["error", "a"], ["ok", "b"]]

    def test_the_next_ones_take_the_place_of_the_last(self, client):
        for value in (1, 2):
            self.send(
                client, [("call", "a", [0, "echo"], [["l", value]]), ("call", "b", [0, "f"], [["q", 0, []]])], [0]
            )
            assert [answer[3] for answer in self.answers(client, 2)] == [["r", 0], ["l", value, value]]

    def test_answers_to_the_last_ones_cannot_be_named_any_more(self, client):
        self.send(client, [("call", "a", [0, "f"], [1])], [0])
        self.send(client, [("call", "b", [0, "f"], [["q", 0, []]])], [])
        assert [answer[:2] for answer in self.answers(client, 2)] == [["ok", "a"], ["error", "b"]]

    def test_calls_of_functions_are_told_and_answered_by_what_was_foretold(self, client):
        """... as far as just these are made: f(3), and then f(4)."""

        def sealed(n, answer, kind="return"):
            question = written(["callback", "", [], 5, [n], {}]), b""
            return foretell(question, (written([kind, "", [], *answer]), b"")).sealed

        thrice = ("call", "a", [0, "thrice"], [["k", 5], 3])
        called = [["callback", "a", [], 5, [n], {}] for n in (3, 4, 5)]
        self.send(client, [thrice], [], [[sealed(n, [10 * n]) for n in (3, 4, 5)]])
        assert self.answers(client, 4) == [*called, ["ok", "a", [], ["l", 30, 40, 50]]]
        self.send(client, [thrice], [], [[sealed(3, [30]), sealed(5, [50]), sealed(5, [50])]])
        assert self.answers(client, 2) == called[:2]
        client.tell("return", "a", [], 41)
        assert self.answers(client, 1) == called[2:]  # after one that was not foretold, none is
        client.tell("return", "a", [], 51)
        assert self.answers(client, 1) == [["ok", "a", [], ["l", 30, 41, 51]]]
        self.send(client, [thrice], [], [[sealed(3, [], "raise")]])
        assert [answer[0] for answer in self.answers(client, 2)] == ["callback", "error"]

    def test_a_worker_whose_checks_hang_up_meanwhile_ends(self, client):
        self.send(client, [("call", "a", [0, "calls"], [["k", 5], 3]), ("call", "b", [0, "f"], [1])], [])
        assert self.answers(client, 1)[0][:2] == ["callback", "a"]
        client.close()
        assert not client.thread.is_alive()


class TestShared:
    @staticmethod
    def foreign(value):
        raise TypeError(type(value).__name__)

    def encode(self, shared, *values):
        return shared.encode(Encoder(self.foreign, shared.table), values)

    def test_only_what_changed_since_it_was_noted_is_told(self):
        shared, x, rows = Shared(), np.zeros(2), [1]
        assert self.encode(shared, x, rows)[0] == []
        shared.note()
        x[0] = 1
        assert self.encode(shared)[0] == [[0, ["a", "<f8", [2], True]]]
        rows.append(2)
        assert self.encode(shared)[0] == [[1, ["l", 1, 2]]]
        assert self.encode(shared) == ([], [])

    def test_equal_values_in_another_place_are_a_change(self):
        shared, one, two = Shared(), [1], [1]
        rows = [one, two]
        self.encode(shared, rows)
        shared.note()
        rows[0], rows[1] = two, one
        assert self.encode(shared)[0] == [[0, ["l", ["r", 2], ["r", 1]]]]

    def test_what_could_not_be_encoded_is_forgotten(self):
        shared = Shared()
        with pytest.raises(TypeError):
            self.encode(shared, [1], object())
        assert shared.table == []

    def test_what_the_other_side_changed_is_not_told_back(self):
        shared, rows = Shared(), [1]
        self.encode(shared, rows)
        shared.note()
        decoder = Decoder(memoryview(b""), self.foreign, shared.table)
        shared.apply([[0, ["l", 1, ["l"]]]], decoder)
        assert rows == [1, []]
        shared.note()
        assert self.encode(shared)[0] == []

    @pytest.mark.parametrize("changes", [None, {}, [1], [[0]], [[0, ["l"], 1]], [[5, ["l"]]]])
    def test_malformed_changes_are_refused(self, changes):
        shared = Shared()
        self.encode(shared, [1])
        with pytest.raises(WireError):
            shared.apply(changes, Decoder(memoryview(b""), self.foreign, shared.table))
