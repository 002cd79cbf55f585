"""The worker's side of a measurement."""

import pytest
import torch

from grader.device import CPU
from grader.sandbox.timed import Calls, entries, view
from grader.throughput.conv2d import Conv2d
from grader.throughput.layout import Layout

CASE = Conv2d(channels=2, filters=2, image=(4, 3), layout="gaps")


def copied(x, w, *, stride, padding, out):
    out.copy_(x + stride - padding)


@pytest.fixture
def arena():
    made = CPU().arena(Layout(CASE, 3).size)
    yield made
    made.close()


def calls(arena, function):
    layout = Layout(CASE, 3)
    return layout, Calls(function, arena.descriptor, "cpu", arena.grant, layout.slots())


def test_a_view_has_the_strides_that_it_is_given():
    memory = torch.zeros(65, dtype=torch.uint8)
    view(memory, "float32", [2, 2], [4, 1], 16).fill_(1.0)
    assert memory[:64].view(torch.float32).tolist() == [0] * 4 + [1, 1, 0, 0, 1, 1] + [0] * 6


def test_calls_read_and_write_the_memory_of_both(arena):
    layout, made = calls(arena, copied)
    for call in range(3):
        layout.inputs(arena.memory, call)[0].fill_(call)
    made.run(1, 3)
    assert [float(layout.output(arena.memory, call).mean()) for call in range(3)] == [0, 1, 2]


def test_the_audit_names_operations_of_every_thread(arena):
    import threading

    def aside(x, w, **named):
        copied(x, w, **named)
        thread = threading.Thread(target=lambda: torch.fft.rfft(x))
        thread.start()
        thread.join()

    _, made = calls(arena, aside)
    seen = made.audit()["operations"]
    assert "aten::copy_" in seen
    assert "aten::fft_rfft" in seen
    assert any(name.startswith("aten.copy_") for name in seen)


def test_the_audit_names_what_makes_the_largest_tensor(arena):
    def large(x, w, **named):
        torch.zeros(3).expand(10**6, 3)  # takes three entries of memory
        torch.ones(7, 100).exp_()
        copied(x, w, **named)

    _, made = calls(arena, large)
    found = made.audit()
    assert (found["largest"], found["by"]) == (700, "aten.ones.default")


def test_only_tensors_outside_of_the_arena_have_entries(arena):
    layout, made = calls(arena, copied)
    assert entries(made._memory, made._memory) == entries(layout.output(made._memory, 0), made._memory) == 0
    assert entries("text", made._memory) == entries(torch.eye(3).to_sparse(), made._memory) == 0
    assert entries(torch.ones(3, 4), made._memory) == 12
