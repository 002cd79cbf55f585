import json
import socket
import threading
import time

import numpy as np
import pytest

from grader import wire
from grader.errors import WireError
from grader.sandbox.channel import CHUNK, Channel, Closed
from grader.wire import HEAD, pack


@pytest.fixture
def ends():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield Channel(ours), theirs


def soon(seconds=5.0):
    return time.monotonic() + seconds


@pytest.mark.parametrize("size", [0, 1, CHUNK - 20, CHUNK, CHUNK + 1, 5 * CHUNK, 3_000_000])
@pytest.mark.parametrize("deadline", [None, soon])
def test_frames_of_all_sizes_arrive_whole_and_in_order(ends, size, deadline):
    channel, theirs = ends
    other = Channel(theirs)
    data = bytes(i % 251 for i in range(size))
    trees = [["first", 1], "x" * size, None]
    sender = threading.Thread(target=lambda: [other.send(pack(tree, [data, b"end"])) for tree in trees])
    sender.start()
    try:
        for tree in trees:
            arrived, buffers = channel.receive(deadline and deadline())
            assert arrived == tree
            assert buffers == data + b"end"
    finally:
        sender.join()


def test_frames_that_come_together_are_told_apart(ends):
    channel, theirs = ends
    theirs.sendall(b"".join(part for n in range(3) for part in pack(n, [b"x" * n])))
    assert [channel.receive(soon()) for _ in range(3)] == [(0, b""), (1, b"x"), (2, b"xx")]


def test_a_frame_that_comes_byte_by_byte_arrives(ends):
    channel, theirs = ends
    frame = b"".join(pack(["ok"], [b"12"]))
    sender = threading.Thread(target=lambda: [theirs.sendall(bytes([byte])) for byte in frame])
    sender.start()
    assert channel.receive(soon()) == (["ok"], b"12")
    sender.join()


@pytest.mark.parametrize("keep", [0, 1, HEAD.size, HEAD.size + 2, -1])
def test_half_a_frame_ends_at_the_deadline(ends, keep):
    channel, theirs = ends
    theirs.sendall(b"".join(pack(["ok"], [b"1234"]))[:keep])
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        channel.receive(soon(0.1))
    assert time.monotonic() - began < 2


def test_a_trickle_of_bytes_does_not_move_the_deadline(ends):
    channel, theirs = ends
    stop = threading.Event()

    def trickle():
        theirs.sendall(HEAD.pack(1000, 0))
        while not stop.wait(0.02):
            theirs.sendall(b" ")

    sender = threading.Thread(target=trickle)
    sender.start()
    try:
        with pytest.raises(TimeoutError):
            channel.receive(soon(0.2))
    finally:
        stop.set()
        sender.join()


def test_a_deadline_that_is_over_ends_at_once(ends):
    channel, _ = ends
    with pytest.raises(TimeoutError):
        channel.send(pack(1, []), time.monotonic() - 1)


def test_sending_to_one_who_does_not_read_ends_at_the_deadline(ends):
    channel, _ = ends
    with pytest.raises(TimeoutError):
        channel.send(pack(1, [bytes(10_000_000)]), soon(0.1))


@pytest.mark.parametrize("before", [b"", b"\0\0", HEAD.pack(5, 0) + b"12", HEAD.pack(4, CHUNK * 2) + b"null1"])
def test_the_end_of_the_other_side_is_told(ends, before):
    channel, theirs = ends
    theirs.sendall(before)
    theirs.close()
    with pytest.raises(Closed):
        channel.receive(soon())


def test_sending_to_a_closed_end_is_told(ends):
    channel, theirs = ends
    theirs.close()
    with pytest.raises(Closed):
        channel.send(pack(1, []))


def test_a_channel_that_was_closed_here_is_told(ends):
    channel, _ = ends
    channel.close()
    with pytest.raises(Closed):
        channel.receive()


def test_a_large_frame_is_announced_before_memory_is_taken(ends):
    channel, theirs = ends
    theirs.sendall(HEAD.pack(2, wire.MAX_DATA + 1) + b"[]")
    with pytest.raises(WireError, match="too large"):
        channel.receive(soon())


def test_a_frame_of_more_than_we_take_is_refused_and_named(ends):
    channel, theirs = ends
    channel.limit = 4
    theirs.sendall(b"".join(pack(1, [b"1234"])) + b"".join(pack(1, [b"12345"])))
    assert channel.receive(soon()) == (1, b"1234")
    with pytest.raises(wire.TooLarge):
        channel.receive(soon())


def test_large_data_lies_where_an_array_may_stay(ends):
    channel, theirs = ends
    sender = threading.Thread(target=lambda: Channel(theirs).send(pack(1, [bytes(2 * CHUNK)])))
    sender.start()
    _, data = channel.receive(soon())
    sender.join()
    assert not data.readonly
    assert np.frombuffer(data, np.uint8).ctypes.data % wire.ALIGN == 0


def test_an_end_is_seen_without_reading(ends):
    channel, theirs = ends
    assert not channel.ended()
    theirs.sendall(b"".join(pack(5, [])))
    assert not channel.ended()
    assert channel.receive(soon())[0] == 5
    theirs.close()
    assert channel.ended()
    channel.close()
    assert channel.ended()


def test_half_a_frame_is_something_to_read_and_so_no_end(ends):
    channel, theirs = ends
    theirs.sendall(b"".join(pack(5, []))[:3])
    theirs.close()
    assert not channel.ended()
    with pytest.raises(Closed):
        channel.receive(soon())


def test_a_deadline_that_was_extended_while_we_wait_counts(ends):
    channel, theirs = ends
    later = iter([soon(0.05), soon(0.1)])

    def more_time():
        for deadline in later:
            return deadline
        theirs.sendall(b"".join(pack("late", [])))
        return soon()

    channel.more_time = more_time
    assert channel.receive(soon(0.02))[0] == "late"


def test_a_text_that_is_no_json_is_refused(ends):
    channel, theirs = ends
    theirs.sendall(HEAD.pack(3, 0) + b"NaN")
    with pytest.raises(WireError):
        channel.receive(soon())
    theirs.sendall(HEAD.pack(2, 0) + json.dumps([]).encode())
    assert channel.receive(soon())[0] == []


def test_what_was_put_back_comes_next_and_what_was_dropped_does_not(ends):
    channel, far = ends
    for number in (1, 2, 3):
        far.sendall(b"".join(pack([number], [bytes([number])])))
    first, second = channel.receive_text(), channel.receive_text()
    channel.put_back([first, second])
    assert not channel.ended()
    assert [channel.receive()[0], channel.receive()[0]] == [[1], [2]]
    channel.put_back([first])
    assert not channel.ended()
    channel.drop()
    assert channel.receive()[0] == [3]
