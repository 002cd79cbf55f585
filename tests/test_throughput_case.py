"""Cases, and where their tensors lie."""

import pytest
import torch

from grader.throughput import attention, conv2d
from grader.throughput.attention import Attention
from grader.throughput.case import dense
from grader.throughput.conv2d import LAYOUTS, Conv2d
from grader.throughput.layout import GAP, NAN, Layout, largest

CONV = Conv2d(channels=3, filters=4, image=(7, 5), kernel=(3, 2), stride=2, padding=1, batch=2)
HEADS = Attention(steps=6, width=8, heads=2, batch=3)


def drawn(case):
    layout = Layout(case, 2)
    memory = torch.full((layout.size,), NAN, dtype=torch.uint8)
    inputs = layout.inputs(memory, 1)
    case.fill(inputs, torch.Generator().manual_seed(0), 1.0)
    return layout, memory, inputs


def run(source, inputs, case):
    """What the library's operation writes."""
    namespace = {}
    exec(source, namespace)
    layout, memory, _ = drawn(case)
    namespace["reference"](*inputs, **case.options, out=layout.output(memory, 1))
    return layout.output(memory, 1)


class TestLayout:
    @pytest.mark.parametrize("layout", LAYOUTS)
    def test_tensors_have_gaps_around_them_and_share_no_byte(self, layout):
        case = Conv2d(channels=3, filters=4, image=(7, 5), batch=2, layout=layout)
        made = Layout(case, 3)
        memory = torch.zeros(made.size, dtype=torch.uint8)
        tensors = [tensor for call in range(3) for tensor in (*made.inputs(memory, call), made.output(memory, call))]
        for tensor in tensors:
            before = memory.clone()
            tensor.fill_(1.0)
            assert int((before != memory).sum()) <= 4 * tensor.numel()
        spans = sorted((t.storage_offset() * 4, t) for t in tensors)
        assert spans[0][0] >= GAP
        assert memory[-GAP:].sum() == 0
        assert all(bool((tensor == 1).all()) for tensor in tensors)

    def test_inputs_come_first(self):
        made = Layout(CONV, 2)
        memory = torch.zeros(made.size, dtype=torch.uint8)
        for call in range(2):
            made.output(memory, call).fill_(1.0)
        assert memory[: made.outputs_from].sum() == 0

    @pytest.mark.parametrize("size", [1, 10_000, 100_000])
    def test_as_many_calls_as_fit_are_the_most(self, size):
        count = largest(CONV, size)
        assert count == 1 or Layout(CONV, count).size <= size

    def test_fresh_memory_is_nan_in_every_dtype(self):
        for dtype in ("float16", "float32"):
            made = Layout(CONV.with_dtype(dtype, "gaps"), 1)
            memory = torch.full((made.size,), NAN, dtype=torch.uint8)
            assert made.output(memory, 0).isnan().all()

    def test_an_order_of_dimensions_is_an_order_of_strides(self):
        assert dense("float32", (2, 3, 4, 5)).stride == (60, 20, 5, 1)
        assert dense("float32", (2, 3, 4, 5), (0, 2, 3, 1)).stride == (60, 1, 15, 3)
        assert dense("float32", (2, 3), gap=2).stride == (5, 1)


class TestConv2d:
    def test_the_right_answer_is_that_of_the_definition(self):
        _, _, (x, w) = drawn(CONV)
        found = CONV.expected([x, w])
        padded = torch.nn.functional.pad(x.double(), (1, 1, 1, 1))
        n, k, p, q = 1, 3, 2, 1
        assert found.shape == CONV.output.shape
        assert float(found[n, k, p, q]) == pytest.approx(
            float((padded[n, :, 2 * p : 2 * p + 3, 2 * q : 2 * q + 2] * w[k].double()).sum())
        )

    def test_the_library_gives_it_in_any_layout(self):
        for layout in LAYOUTS:
            case = CONV.with_dtype("float32", layout)
            _, _, inputs = drawn(case)
            torch.testing.assert_close(
                run(case.reference, inputs, case).double(), case.expected(inputs), rtol=1e-4, atol=1e-5
            )

    def test_work_is_counted_as_in_the_textbook(self):
        N, K, P, Q = CONV.output.shape
        assert CONV.flops == 2 * N * K * P * Q * 3 * 3 * 2
        assert CONV.bytes == 4 * (2 * 3 * 7 * 5 + 4 * 3 * 3 * 2 + N * K * P * Q)
        assert CONV.batched(3).flops == 3 * CONV.flops

    def test_few_entries_of_peaked_inputs_are_much_larger(self):
        _, _, (x, _) = drawn(Conv2d(channels=32, filters=1, image=(30, 30), peaked=True))
        assert 0.001 < float((x.abs() > 8).float().mean()) < 0.02

    def test_the_label_says_what_is_special(self):
        assert CONV.label == "2 × 3 × 7 × 5 → 4, 3 × 2, stride 2"
        assert CONV.with_dtype("float16", "channels_last").label.endswith("stride 2, channels last, float16")

    def test_one_timed_shape_is_no_multiple_of_anything(self):
        assert conv2d.ODD.output.shape == (1, 80, 31, 29)
        assert len(conv2d.SHAPES) == 5


class TestAttention:
    @pytest.mark.parametrize("causal", [True, False])
    def test_the_right_answer_is_that_of_the_library(self, causal):
        case = Attention(steps=6, width=8, heads=2, causal=causal)
        _, _, inputs = drawn(case)
        expected = torch.nn.functional.scaled_dot_product_attention(*[t.double() for t in inputs], is_causal=causal)
        torch.testing.assert_close(case.expected(inputs), expected)
        torch.testing.assert_close(run(case.reference, inputs, case).double(), expected, rtol=1e-4, atol=1e-5)

    def test_work_is_counted_as_in_the_textbook(self):
        assert Attention(steps=6, width=8, heads=2, batch=3, causal=False).flops == 4 * 3 * 2 * 6 * 6 * 8
        assert HEADS.flops == 2 * 3 * 2 * 6 * 6 * 8
        assert HEADS.bytes == 4 * 4 * 3 * 2 * 6 * 8

    @pytest.mark.parametrize("causal", [True, False])
    def test_blocks_of_the_right_answer_meet(self, causal):
        case = Attention(steps=2 * attention.ROWS + 3, width=4, heads=2, causal=causal)
        _, _, inputs = drawn(case)
        expected = torch.nn.functional.scaled_dot_product_attention(*[t.double() for t in inputs], is_causal=causal)
        torch.testing.assert_close(case.expected(inputs), expected)

    @pytest.mark.parametrize("layout", attention.LAYOUTS)
    def test_the_library_gives_it_in_any_layout(self, layout):
        case = HEADS.with_dtype("float32", layout)
        _, _, inputs = drawn(case)
        torch.testing.assert_close(
            run(case.reference, inputs, case).double(), case.expected(inputs), rtol=1e-4, atol=1e-5
        )
        assert layout == "contiguous" or layout.replace("_", " ") in case.label

    def test_low_inputs_have_logits_of_which_exp_makes_nothing(self):
        _, _, (q, k, _) = drawn(Attention(steps=6, width=16, low=True))
        logits = (q @ k.mT) / 4
        assert logits.max() < -100
        assert torch.exp(logits).max() == 0

    def test_the_largest_tensor_is_asked_about_where_steps_are_many(self):
        assert Attention(steps=1024, width=8, heads=2, batch=3).largest == 6 * 1024 * 256
        short = Attention(steps=1023, width=8, heads=2)
        assert short.largest > 2 * 1023**2

    def test_on_a_processor_long_cases_have_fewer_heads(self):
        assert [case.heads for case in attention.fewer_heads(attention.SHAPES)] == [8, 2, 8, 2]

    def test_peaked_inputs_have_large_logits(self):
        _, _, (q, k, _) = drawn(Attention(steps=6, width=8, peaked=True))
        assert float(q.std()) > 4 * float(k.std())

    def test_labels_and_relatives(self):
        assert HEADS.label == "3 × 2 × 6 × 8, causal"
        assert HEADS.batched(2).with_dtype("float16", "contiguous").label == "6 × 2 × 6 × 8, causal, float16"
        assert {case.steps for case in attention.ODD} == {1000, 3000}
