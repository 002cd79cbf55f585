import contextlib
import copy
import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from grader import wire
from grader.errors import WireError
from grader.wire import (
    DTYPES,
    HEAD,
    LARGE,
    MAX_ALIKE,
    MAX_DEPTH,
    TENSOR_DTYPES,
    TYPES,
    Decoder,
    Encoder,
    frame,
    pack,
    pack_text,
    parse,
    sizes,
    written,
)

settings.register_profile("wire", deadline=None)
fast = settings(settings.get_profile("wire"), max_examples=150)


def refuse(tag, args):
    raise WireError(f"unknown tag {tag}")


def no_foreign(value):
    raise TypeError(type(value).__name__)


def frame_of(value, foreign=no_foreign):
    encoder = Encoder(foreign)
    return b"".join(pack(encoder.encode(value), encoder.buffers))


def read(frame, resolve=refuse, **options):
    n_text, n_data = sizes(frame[: HEAD.size])
    text, data = frame[HEAD.size : HEAD.size + n_text], frame[HEAD.size + n_text :]
    assert len(data) == n_data
    decoder = Decoder(memoryview(data), resolve, **options)
    value = decoder.decode(parse(text))
    decoder.finish()
    return value


def carry(value):
    return read(frame_of(value))


def decode(tree, data=b"", **options):
    decoder = Decoder(memoryview(data), refuse, **options)
    value = decoder.decode(tree)
    decoder.finish()
    return value


def alike(a, b):
    """The same type and content, bit by bit."""
    if type(a) is not type(b):
        return False
    match a:
        case float():
            return repr(a) == repr(b)
        case complex():
            return repr(a) == repr(b)
        case np.ndarray():
            return (a.dtype, a.shape, a.tobytes(), a.flags.writeable) == (
                b.dtype,
                b.shape,
                b.tobytes(),
                b.flags.writeable,
            )
        case np.generic():
            return (a.dtype, a.tobytes()) == (b.dtype, b.tobytes())
        case torch.Tensor():
            same = (a.dtype, a.shape, a.requires_grad) == (b.dtype, b.shape, b.requires_grad)
            return same and wire.tensor_buffer(a) == wire.tensor_buffer(b)
        case list() | tuple():
            return len(a) == len(b) and all(map(alike, a, b))
        case dict():
            return len(a) == len(b) and all(map(alike, a.items(), b.items()))
        case slice():
            return alike((a.start, a.stop, a.step), (b.start, b.stop, b.step))
        case np.random.Generator():
            return alike(a.bit_generator.state, b.bit_generator.state)
        case torch.Generator():
            return alike(a.get_state(), b.get_state())
    return a == b


def arrays():
    def filled(code, shape, seed):
        dtype = DTYPES[code]
        rng = np.random.default_rng(seed)
        if dtype.kind == "b":
            return np.asarray(rng.random(shape) < 0.5)
        return np.frombuffer(rng.bytes(math.prod(shape) * dtype.itemsize), dtype).reshape(shape).copy()

    shapes = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)
    return st.builds(filled, st.sampled_from(sorted(DTYPES)), shapes, st.integers(0, 1 << 30))


def tensors():
    def filled(name, shape, seed, requires_grad):
        raw = torch.from_numpy(
            np.random.default_rng(seed).integers(0, 256, math.prod(shape) * TENSOR_DTYPES[name], np.uint8)
        )
        raw = raw % 2 if name == "bool" else raw
        dtype = getattr(torch, name)
        tensor = raw.view(dtype).reshape(shape) if len(raw) else torch.zeros(shape, dtype=dtype)
        return tensor.requires_grad_(requires_grad and (tensor.is_floating_point() or tensor.is_complex()))

    shapes = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)
    return st.builds(filled, st.sampled_from(sorted(TENSOR_DTYPES)), shapes, st.integers(0, 1 << 30), st.booleans())


def generators():
    kinds = [getattr(np.random, name) for name in sorted(wire.BIT_GENERATORS)]

    def used(kind, seed, draws):
        rng = np.random.Generator(kind(seed))
        rng.integers(0, 9, draws, dtype=np.int32)
        return rng

    return st.builds(used, st.sampled_from(kinds), st.integers(0, 1 << 30), st.integers(0, 7))


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(1 << 4095), 1 << 4095)
    | st.floats()
    | st.complex_numbers()
    | st.text(st.characters(codec=None, exclude_categories=()))
    | st.binary()
    | st.just(...)
    | st.sampled_from(sorted(DTYPES)).map(np.dtype)
    | st.sampled_from(sorted(TYPES)).map(TYPES.get)
    | arrays().filter(lambda array: array.size).map(lambda array: array.reshape(-1)[0])
)
KEYS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3),
    max_leaves=4,
)
SLICES = st.builds(slice, *[st.none() | st.integers()] * 3)
VALUES = st.recursive(
    SCALARS
    | SLICES
    | arrays()
    | tensors()
    | generators()
    | st.sets(KEYS, max_size=3)
    | st.frozensets(KEYS, max_size=3),
    lambda inner: (
        st.lists(inner, max_size=4) | st.lists(inner, max_size=4).map(tuple) | st.dictionaries(KEYS, inner, max_size=4)
    ),
    max_leaves=8,
)


class TestRoundTrip:
    @fast
    @given(VALUES)
    def test_values_arrive_as_they_were_sent(self, value):
        assert alike(carry(value), value)

    @given(arrays(), st.booleans())
    def test_arrays_arrive_bit_by_bit_however_they_lie_in_memory(self, array, writeable):
        turned = np.asfortranarray(array).T[..., ::-1] if array.ndim else array
        turned.flags.writeable = writeable
        assert alike(carry(turned), turned)

    @pytest.mark.parametrize("name", sorted(TENSOR_DTYPES))
    def test_tensors_of_every_plain_dtype_arrive(self, name):
        tensor = torch.arange(6).reshape(2, 3).to(getattr(torch, name)).T
        assert alike(carry(tensor), tensor)
        assert carry(tensor.dtype) is tensor.dtype

    def test_lazily_conjugated_and_negated_tensors_arrive_resolved(self):
        tensor = torch.tensor([1 + 2j, 3 - 4j])
        assert carry(tensor.conj()).tolist() == [1 - 2j, 3 + 4j]
        assert carry(tensor.conj().imag).tolist() == [-2, 4]

    def test_what_arrives_can_be_written_to_unless_the_original_was_read_only(self):
        array = np.zeros(3)
        carry(array)[0] = 1
        with pytest.raises(ValueError, match="read-only"):
            carry(np.broadcast_to(array, (2, 3)))[0] = 1

    def test_torch_generators_continue_where_they_were(self):
        generator = torch.Generator().manual_seed(3)
        torch.rand(5, generator=generator)
        arrived = carry(generator)
        assert torch.equal(torch.rand(4, generator=arrived), torch.rand(4, generator=generator))

    @given(generators())
    def test_generators_continue_where_they_were(self, rng):
        assert alike(carry(rng).random(3), rng.random(3))

    def test_subclasses_arrive_as_their_plain_types(self):
        class Name(str):
            pass

        class Names(list):
            pass

        assert alike(carry(Name("x")), "x")
        assert alike(carry(Names([1])), [1])
        assert alike(carry(np.str_("x")), "x")
        assert alike(carry(np.bytes_(b"x")), b"x")
        assert alike(carry(np.ones((2, 2)).view(np.matrix)), np.ones((2, 2)))

    def test_foreign_values_are_left_to_the_caller(self):
        thing, loss = object(), torch.ones(2, requires_grad=True).sum()
        odd = [thing, loss, np.array([None]), np.array(["x"]), np.longdouble(1), np.datetime64("2020"), np.dtype("U3")]
        odd += [np.random.Generator(type("Own", (np.random.PCG64,), {})()), torch.ones(2).to_sparse()]
        odd += [
            torch.nn.Parameter(torch.ones(1)),
            torch.device("cpu"),
            np.zeros((1,) * 33),
            torch.zeros((1,) * 33),
            dict,
        ]
        for value in odd:
            frame = frame_of([value], lambda seen, value=value: ["h", 7] if seen is value else no_foreign(seen))
            assert read(frame, lambda tag, args: (tag, args)) == [("h", [7])]
            with pytest.raises(TypeError):
                frame_of(value)


class TestLarge:
    """Buffers from `LARGE` on lie at multiples of `ALIGN`, and what is rebuilt lies there too."""

    @staticmethod
    def carried(value):
        """(what arrives in memory that can be written to, that memory)"""
        encoder = Encoder(no_foreign)
        tree = encoder.encode(value)
        joined = b"".join(encoder.buffers)
        memory = frame.empty(len(joined))
        memory[:] = joined
        decoder = Decoder(memory, refuse)
        arrived = decoder.decode(tree)
        decoder.finish()
        return arrived, np.frombuffer(memory, np.uint8)

    @pytest.mark.parametrize("code", sorted(DTYPES))
    @pytest.mark.parametrize("extra", [-1, 0, 5])
    def test_arrays_of_every_dtype_arrive_between_small_values(self, code, extra):
        dtype = DTYPES[code]
        x = (np.arange(LARGE // dtype.itemsize + extra) % 2).astype(dtype)
        (small, back, turned, last), memory = self.carried((b"abc", x, x[::-1], 1.5))
        assert (small, last) == (b"abc", 1.5)
        assert alike(back, x)
        assert alike(turned, x[::-1])
        assert back.flags.aligned
        assert back.flags.writeable
        assert np.shares_memory(back, memory) == (extra >= 0 and dtype.kind != "b")
        assert not np.shares_memory(back, turned)

    def test_tensors_and_read_only_arrays_arrive(self):
        x = np.broadcast_to(1.5, (3, LARGE))
        (tensor, array), _ = self.carried((torch.arange(LARGE), x))
        assert torch.equal(tensor, torch.arange(LARGE))
        assert alike(array, x)

    def test_memory_that_cannot_be_written_to_is_not_kept(self):
        x = np.zeros(LARGE)
        carry(x)[0] = 1

    def test_what_is_sent_is_not_copied(self):
        x = np.zeros((2, LARGE))
        encoder = Encoder(no_foreign)
        encoder.encode([x, x.T])
        assert np.shares_memory(np.frombuffer(encoder.buffers[0], np.uint8), x)
        assert not np.shares_memory(np.frombuffer(encoder.buffers[1], np.uint8), x)

    def test_a_buffer_that_ends_within_its_padding_is_refused(self):
        with pytest.raises(WireError, match="more data than the frame has"):
            decode(["t", ["b", 1], ["b", LARGE]], bytes(LARGE + 1))


class TestIdentity:
    @pytest.mark.parametrize(
        "value", [[1], {1: 2}, {1}, np.ones(2), torch.ones(2), np.random.default_rng(0), torch.Generator()]
    )
    def test_a_value_that_is_met_twice_arrives_as_one(self, value):
        first, (second, third) = carry([value, (value, copy.copy(value) if isinstance(value, list) else None)])
        assert first is second
        assert first is not third

    def test_cycles_arrive(self):
        loop: list = []
        loop.append({"self": loop, "pair": (loop, 1)})
        arrived = carry(loop)
        assert arrived[0]["self"] is arrived
        assert arrived[0]["pair"][0] is arrived

    def test_a_cycle_through_tuples_alone_arrives(self):
        pair = ([],)
        pair[0].append(pair)
        arrived = carry(pair)
        assert arrived[0][0][0] is arrived[0]

    def test_depth_is_bounded_on_the_way_out_and_whatever_goes_out_can_be_read(self):
        def nested(depth, core):
            for _ in range(depth):
                core = (core,)
            return core

        for core in (
            math.nan,
            complex(math.nan, 1),
            np.random.default_rng(0),
            np.random.Generator(np.random.MT19937(1)),
            [1],
        ):
            deepest = next(depth for depth in range(MAX_DEPTH + 4) if not fits(nested(depth, core)))
            assert alike(carry(nested(deepest - 1, core)), nested(deepest - 1, core))

    @pytest.mark.parametrize("value", [1 << 4096, -(1 << 4096), [[1 << 5000]]])
    def test_integers_are_bounded(self, value):
        with pytest.raises(WireError, match="bits is too large"):
            frame_of(value)


def fits(value):
    with contextlib.suppress(WireError):
        return bool(frame_of(value))
    return False


class TestChanges:
    """`Encoder.content` on one side, `Decoder.replace` on the other."""

    @staticmethod
    def told(value, change):
        """The copy of a value on the other side after a change here."""
        here, there = Encoder(no_foreign), []
        tree = here.encode(value)
        Decoder(memoryview(b"".join(here.buffers)), refuse, there).decode(tree)
        change(value)
        again = Encoder(no_foreign, here.table)
        trees = [again.content(item) for item in here.table]
        decoder = Decoder(memoryview(b"".join(again.buffers)), refuse, there)
        copies = list(there)
        for number, content in enumerate(trees):
            decoder.replace(number, content)
        decoder.finish()
        assert all(a is b for a, b in zip(copies, there, strict=False))
        return there[0]

    @pytest.mark.parametrize(
        ("value", "change"),
        [
            ([1, [2]], lambda v: v.append(v)),
            ([3, 1, 2], lambda v: v.sort()),
            ({"a": 1}, lambda v: v.update(b=[v["a"]])),
            ({1, 2}, lambda v: v.discard(1)),
            (np.zeros((2, 3)), lambda v: v.__setitem__((0, 1), 7)),
            (np.zeros(2, bool), lambda v: v.__setitem__(0, True)),
            (np.random.default_rng(0), lambda v: v.random(3)),
            (torch.zeros(2, 3), lambda v: v.add_(1)),
            (torch.zeros(2), lambda v: v.mul_(torch.ones(2, requires_grad=True))),
            (torch.Generator(), lambda v: torch.rand(2, generator=v)),
        ],
    )
    def test_a_change_is_made_in_place(self, value, change):
        there = self.told(value, change)
        if isinstance(value, list) and value[-1] is value:
            assert there[-1] is there
        elif isinstance(value, torch.Tensor):
            assert torch.equal(there, value.detach())
        else:
            assert alike(there, value)

    @pytest.mark.parametrize(
        ("number", "tree"),
        [
            (-1, ["l"]),
            (9, ["l"]),
            (True, ["l"]),
            ("0", ["l"]),
            (0, "x"),
            (0, []),
            (0, ["E"]),
            (0, ["r", 0]),
            (0, [["l"]]),
            (0, ["d"]),
            (0, ["s"]),
            (1, ["l"]),
            (1, ["d", 1]),
            (2, ["s", ["l"]]),
            (2, ["l"]),
            (3, ["a", "<f8", [3], True]),
            (3, ["a", "<f4", [2], True]),
            (3, ["a", "<f8", [2]]),
            (3, ["l"]),
            (4, ["g", "PCG64", 1]),
            (4, ["g", "Other", ["d"]]),
            (4, ["g", "PCG64"]),
            (5, ["T", "float32", [1], False]),
            (5, ["T", "int32", [2], False]),
            (6, ["G", 4]),
            (6, ["G"]),
        ],
    )
    def test_a_change_that_does_not_fit_is_refused(self, number, tree):
        table = [[], {}, set(), np.zeros(2), np.random.default_rng(0), torch.zeros(2), torch.Generator()]
        with pytest.raises(WireError):
            Decoder(memoryview(bytes(64)), refuse, table).replace(number, tree)

    def test_a_change_of_a_read_only_array_is_refused(self):
        array = np.zeros(2)
        array.flags.writeable = False
        with pytest.raises(WireError, match="read-only"):
            Decoder(memoryview(bytes(16)), refuse, [array]).replace(0, ["a", "<f8", [2], True])

    def test_a_change_of_the_kind_of_a_generator_is_refused(self):
        encoder = Encoder(no_foreign)
        tree = encoder.encode(np.random.Generator(np.random.SFC64(0)))
        with pytest.raises(WireError, match="kind of a random generator"):
            Decoder(memoryview(b"".join(encoder.buffers)), refuse, [np.random.default_rng(0)]).replace(0, tree)


HUGE = 1 << 39
HOSTILE = {
    "an object": {"a": 1},
    "an empty list": [],
    "no tag": [1, 2],
    "a list as tag": [["l"], 1],
    "an unknown tag": ["?"],
    "a huge integer": 1 << 5000,
    "a float in words": ["f", "1.0"],
    "a float of no text": ["f", None],
    "a float too many": ["f", "nan", "nan"],
    "a reference forward": ["r", 0],
    "a reference backward": ["r", -1],
    "a reference by a bool": ["l", ["r", True]],
    "a reference by text": ["r", "0"],
    "a negative shape": ["a", "<f8", [-1, 1], True],
    "a shape beyond the data": ["a", "<f8", [9], True],
    "an overflowing shape": ["a", "<f8", [HUGE, HUGE, HUGE], True],
    "an overflowing shape with a zero": ["a", "<f8", [0, HUGE, HUGE], True],
    "an endless side": ["a", "<f8", [0, 1 << 70], True],
    "a shape of floats": ["a", "<f8", [1.0], True],
    "a shape of bools": ["a", "<f8", [True], True],
    "a shape of too many dimensions": ["a", "<f8", [1] * 33, True],
    "a shape that is no list": ["a", "<f8", 1, True],
    "objects": ["a", "|O", [1], True],
    "records": ["a", "V8", [1], True],
    "text in an array": ["a", "<U1", [1], True],
    "a dtype that is no text": ["a", 8, [1], True],
    "an array of few parts": ["a", "<f8"],
    "an array of many parts": ["a", "<f8", [1], True, 1],
    "an array with a strange flag": ["a", "<f8", [1], 1],
    "a scalar of no dtype": ["n", "<f16"],
    "a scalar of many parts": ["n", "<f8", 1.0],
    "a tensor of no dtype": ["T", "qint8", [1], False],
    "a tensor of a private dtype": ["T", "__name__", [1], False],
    "a tensor with a strange flag": ["T", "float32", [1], 0],
    "an integer tensor with a gradient": ["T", "int64", [1], True],
    "a tensor with a negative shape": ["T", "float32", [-1], False],
    "a tensor with an overflowing shape": ["T", "float32", [0, HUGE, HUGE], False],
    "a torch dtype that is none": ["Y", "nn"],
    "a torch generator of short state": ["G", 8],
    "a torch generator of no state": ["G", 0],
    "a torch generator of negative size": ["G", -8],
    "bytes of negative size": ["b", -1],
    "bytes beyond the data": ["b", 9],
    "bytes of a bool": ["b", True],
    "bytes by a float": ["b", 1.0],
    "a complex of integers": ["c", 1, 2],
    "a complex of one part": ["c", 1.0],
    "a slice of two parts": ["e", 1, 2],
    "a dtype that is none": ["y", "object"],
    "a type that is none": ["x", "object"],
    "a type that is no text": ["x", ["l"]],
    "a dict of odd length": ["d", 1],
    "a dict with a list as key": ["d", ["l"], 1],
    "a dict with a slice as key": ["d", ["t", ["e", 1, 2, 3]], 1],
    "a set of arrays": ["s", ["a", "|u1", [1], True]],
    "a frozenset of lists": ["z", ["l"]],
    "a generator of no kind": ["g", "SystemRandom", ["d"]],
    "a generator of a list as kind": ["g", ["l"], ["d"]],
    "a generator without a state": ["g", "PCG64", ["d"]],
    "a generator with a foreign state": ["g", "PCG64", ["h", 1, "T"]],
    "a generator with no dict": ["g", "MT19937", None],
    "a file": ["p", "data.csv", 0],
    "nested lists": json.loads('["l",' * 100 + "1" + "]" * 100),
    "nested generators": json.loads('["g","PCG64",' * 100 + "1" + "]" * 100),
}


class TestHostile:
    @pytest.mark.parametrize("tree", HOSTILE.values(), ids=HOSTILE)
    def test_a_tree_that_is_not_well_formed_is_refused(self, tree):
        with pytest.raises(WireError):
            decode(tree, bytes(8))

    def test_data_that_belongs_to_no_value_is_refused(self):
        with pytest.raises(WireError, match="1 bytes of data belong to no value"):
            decode(["b", 2], b"abc")

    @pytest.mark.parametrize(
        "text", [b"NaN", b"[Infinity]", b"-Infinity", b"{", b"", b'"\xff"', b"1 2", b"[" * 100_000, b"9" * 5000]
    )
    def test_a_text_that_is_not_plain_json_is_refused(self, text):
        with pytest.raises(WireError, match="no JSON"):
            parse(text)

    @pytest.mark.parametrize(("n_text", "n_data"), [(wire.MAX_TEXT + 1, 0), (0, wire.MAX_DATA + 1), (0, (1 << 64) - 1)])
    def test_a_header_that_announces_too_much_is_refused(self, n_text, n_data):
        with pytest.raises(WireError, match="too large"):
            sizes(HEAD.pack(n_text, n_data))

    def test_a_message_that_is_too_large_is_not_sent(self, monkeypatch):
        monkeypatch.setattr(frame, "MAX_DATA", 10)
        pack(1, [bytes(10)])
        with pytest.raises(WireError, match="12 bytes is too large"):
            pack(1, [bytes(11)])

    def test_a_bool_array_holds_zeros_and_ones_whatever_came(self):
        assert decode(["a", "|b1", [3], True], b"\x00\x01\xff").view(np.uint8).tolist() == [0, 1, 1]
        assert decode(["T", "bool", [2], False], b"\x00\xff").view(torch.uint8).tolist() == [0, 1]
        assert decode(["n", "|b1"], b"\x02") is np.True_

    @pytest.mark.parametrize(
        ("kind", "path", "value"),
        [
            ("MT19937", ("state", "pos"), 1 << 20),
            ("MT19937", ("state", "pos"), -1),
            ("MT19937", ("state", "key"), [1, 2]),
            ("MT19937", ("state", "key"), 3),
            ("MT19937", ("state",), None),
            ("MT19937", ("state", "pos"), "x"),
            ("Philox", ("buffer_pos",), -5),
            ("Philox", ("buffer_pos",), 5),
            ("Philox", ("buffer",), [1]),
            ("Philox", ("state",), 1),
            ("PCG64", ("state", "state"), -1),
            ("PCG64", ("state", "inc"), "1"),
            ("PCG64", ("has_uint32",), 1 << 70),
            ("PCG64", ("bit_generator",), "MT19937"),
            ("SFC64", ("state", "state"), [1, 2]),
            ("PCG64DXSM", ("uinteger",), 1 << 40),
        ],
    )
    def test_a_generator_state_that_points_outside_is_refused(self, kind, path, value):
        state = getattr(np.random, kind)(0).state
        inner = state
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = value
        encoder = Encoder(no_foreign)
        tree = ["g", kind, encoder.encode(state)]
        with pytest.raises(WireError, match="state of a random generator"):
            decode(tree, b"".join(encoder.buffers))

    def test_keys_made_to_collide_are_refused(self):
        prime = sys.hash_info.modulus
        keys = [prime * n for n in range(1, MAX_ALIKE + 2)]
        for tree in (["s", *keys], ["z", *keys], ["d", *[part for key in keys for part in (key, 1)]]):
            with pytest.raises(WireError, match="same hash"):
                decode(tree)
        assert len(decode(["s", *range(10_000)])) == 10_000

    def test_files_are_taken_only_where_they_are_expected(self):
        def save(name, content):
            return Path("there") / name

        frame = b"".join(pack(["p", "data.csv", 3], [b"1,2"]))
        assert read(frame, save_file=save) == Path("there/data.csv")
        with pytest.raises(WireError, match="no file"):
            decode(["p", 3, 0], save_file=save)

    @fast
    @given(st.data())
    def test_a_changed_frame_gives_a_value_or_a_wire_error(self, data):
        encoder = Encoder(no_foreign)
        tree = ["l", encoder.encode(data.draw(VALUES)), encoder.encode(data.draw(VALUES))]
        buffers = bytearray(b"".join(encoder.buffers))
        for _ in range(data.draw(st.integers(1, 3))):
            tree = mutated(tree, data)
        cut = data.draw(st.integers(0, len(buffers)) | st.just(len(buffers)))
        survives(lambda: decode(tree, bytes(buffers[:cut])))

    @fast
    @given(st.data())
    def test_a_random_tree_gives_a_value_or_a_wire_error(self, data):
        tree = data.draw(TREES)
        survives(lambda: decode(tree, bytes(range(64))))
        table = [[], {}, set(), np.zeros(2), np.random.default_rng(0), torch.zeros(2), torch.Generator()]
        survives(lambda: Decoder(memoryview(bytes(64)), refuse, table).replace(data.draw(st.integers(-1, 7)), tree))

    @fast
    @given(VALUES, st.data())
    def test_changed_bytes_give_a_value_or_a_wire_error(self, value, data):
        frame = bytearray(frame_of(value))
        for _ in range(data.draw(st.integers(1, 4))):
            place = data.draw(st.integers(0, len(frame) - 1))
            frame[place] = data.draw(st.integers(0, 255))

        def attempt():
            n_text, n_data = sizes(frame[: HEAD.size])
            body = frame[HEAD.size :]
            decode(parse(body[:n_text]), bytes(body[n_text : n_text + n_data]))

        survives(attempt)


LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-2, 70)
    | st.sampled_from([1 << 31, 1 << 40, 1 << 63, -(1 << 63), 1 << 5000, 1e308])
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([*"atlsdzfrnbceEyxgpTYGhk", *DTYPES, *TENSOR_DTYPES, *sorted(wire.BIT_GENERATORS), "nan", "key"])
    | st.text(max_size=3)
)
TREES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.builds(
            lambda tag, args: [tag, *args], st.sampled_from("atlsdzfrnbceEyxgpTYGhk"), st.lists(inner, max_size=4)
        )
    ),
    max_leaves=20,
)


def mutated(tree, data):
    """The tree with one part replaced, dropped or doubled."""
    tree = copy.deepcopy(tree)
    lists = [tree]
    for found in lists:
        lists += [part for part in found if type(part) is list and part]
    chosen = data.draw(st.sampled_from(lists))
    place = data.draw(st.integers(0, len(chosen) - 1))
    match data.draw(st.sampled_from(["replace", "drop", "double"])):
        case "replace":
            chosen[place] = data.draw(TREES)
        case "drop":
            del chosen[place]
        case "double":
            chosen.insert(place, copy.deepcopy(chosen[place]))
    return tree


def survives(attempt):
    with contextlib.suppress(WireError):
        attempt()


def test_a_frame_of_very_many_lists_is_refused_before_it_is_rebuilt():
    assert len(parse(b"[" + b"[]," * 1000 + b"0]")) == 1001
    with pytest.raises(WireError, match="more than 200,000 lists"):
        parse(b"[" + b"[]," * 200_000 + b"0]")


def test_a_reference_is_noticed():
    decoder = Decoder(memoryview(b""), lambda tag, args: None)
    decoder.decode(["l", 1])
    assert not decoder.referred
    decoder.decode(["r", 0])
    assert decoder.referred


class TestNamed:
    """Values that the other side has already, and parts of which are numbered as if they had crossed."""

    @staticmethod
    def encoder(*answers):
        """Names each of these as an answer of its own."""
        names = {id(value): ["q", number, []] for number, value in enumerate(answers)}
        return Encoder(no_foreign, refer=lambda value: names.get(id(value)))

    def test_a_named_value_does_not_cross_and_its_parts_are_known_afterwards(self):
        inner, x = [1], np.zeros(2)
        value = {"a": inner, "x": x}
        encoder = self.encoder(value)
        assert encoder.encode([value, inner]) == ["l", ["q", 0, []], ["r", 2]]
        assert encoder.encode(x) == ["r", 3]
        assert (encoder.buffers, encoder.size, encoder.torn) == ([], 0, False)
        assert [type(part) for part in encoder.table] == [list, dict, list, np.ndarray]

    def test_what_crosses_after_it_lies_where_it_would_without(self):
        value, x = np.ones(LARGE), np.zeros(LARGE)
        encoder = self.encoder(value)
        trees = [encoder.encode(b"1"), encoder.encode(value), encoder.encode(x)]
        assert trees == [["b", 1], ["q", 0, []], ["a", "<f8", [LARGE], True]]
        assert encoder.size == sum(map(len, encoder.buffers)) == wire.ALIGN + x.nbytes

    def test_one_value_named_twice_is_a_reference(self):
        value = [1]
        encoder = self.encoder(value)
        assert [encoder.encode(value), encoder.encode((value, 1))] == [["q", 0, []], ["t", ["r", 0], 1]]
        assert not encoder.torn

    def test_the_side_that_has_it_numbers_the_same_parts(self):
        inner = [1]
        value, twin = [inner, {2: inner}], copy.deepcopy([inner, {2: inner}])
        here, there = self.encoder(value), Encoder(no_foreign)
        here.encode(value)
        there.adopt(twin)
        assert here.table == there.table
        there.adopt(twin[1])
        assert len(there.table) == len(here.table) == 3

    def test_a_value_that_is_named_cannot_be_torn_by_itself(self):
        inner = [1]
        value, other = [inner, inner], [inner]
        encoder = self.encoder(value)
        encoder.encode([value, inner, other])
        assert not encoder.torn

    def test_one_value_in_two_answers_is_torn(self):
        inner = np.zeros(2)
        one, two = [inner], [inner]
        encoder = self.encoder(one, two)
        encoder.encode(one)
        assert not encoder.torn
        encoder.encode(two)
        assert encoder.torn

    def test_a_value_that_crossed_by_itself_and_is_a_part_of_an_answer_is_torn(self):
        inner = np.zeros(2)
        value = {"x": inner}
        encoder = self.encoder(value)
        encoder.encode(inner)
        encoder.encode(value)
        assert encoder.torn

    def test_what_is_named_may_hold_what_is_named(self):
        inner = [1]
        value = [inner]
        encoder = Encoder(no_foreign, refer=lambda part: ["q", 0, [0] if part is inner else []])
        assert (encoder.encode(inner), encoder.encode(value)) == (["q", 0, [0]], ["q", 0, []])
        assert (len(encoder.table), encoder.torn) == (2, False)


def test_a_frame_can_be_made_of_a_text_that_is_written_already(monkeypatch):
    tree = ["call", "", [0, "f"], [1.5, None, "ü"], {}]
    assert pack_text(written(tree), [b"data"]) == pack(tree, [b"data"])
    assert parse(written(tree)) == tree
    monkeypatch.setattr(frame, "MAX_TEXT", 4)
    with pytest.raises(WireError, match="5 bytes is too large to carry"):
        pack_text(b"[1,2]", [])
