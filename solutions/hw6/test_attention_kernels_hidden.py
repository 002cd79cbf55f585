"""Hidden checks of the attention kernels: sizes and values that the public ones do not have."""

import pytest

from grader.throughput.attention import ODD, Attention, fewer_heads
from grader.throughput.checks import require_package

pytestmark = pytest.mark.filterwarnings("ignore")

NO_PRODUCTS = (*Attention.own_work, r"mm(\.|_|$)", r"matmul", r"linear", r"einsum", r"softmax", r"exp2?(\.|_|$)")
MORE = [
    Attention(steps=33, width=5, heads=2, batch=3, causal=False, layout="gaps"),
    Attention(steps=65, width=20, heads=3, layout="transposed"),
    Attention(steps=17, width=48, heads=2, batch=2, layout="heads_inside"),
]
PEAKED = [
    Attention(steps=90, width=64, heads=2, peaked=True),
    Attention(steps=50, width=8, heads=2, low=True),
    Attention(steps=50, width=8, heads=2, low=True, dtype="float16"),
    Attention(steps=90, width=64, heads=2, causal=False, peaked=True, dtype="float16"),
]


@pytest.mark.task("attention_blockwise")
class TestAttentionBlockwiseHidden:
    def test_more_lengths_widths_and_layouts(self, hw, throughput):
        throughput.verify("attention_blockwise", MORE)

    def test_large_logits(self, hw, throughput):
        throughput.verify("attention_blockwise", PEAKED)

    def test_lengths_that_are_timed(self, hw, throughput):
        throughput.verify("attention_blockwise", [*fewer_heads(ODD), Attention(steps=1500, width=40, heads=2, batch=2)])

    def test_no_large_matrix(self, hw, throughput):
        throughput.verify_memory("attention_blockwise", [Attention(steps=12000, width=24, heads=1)])


@pytest.mark.task("attention_blockwise_speed")
class TestAttentionBlockwiseSpeedHidden:
    def test_of_odd_lengths(self, hw, throughput):
        throughput.measure("attention_blockwise", fewer_heads(ODD), curve=(0.1, 0.4))


@pytest.mark.task("attention_triton")
class TestAttentionTritonHidden:
    def test_more_lengths_widths_and_layouts(self, hw, throughput):
        require_package("triton")
        throughput.verify("attention_triton", MORE, own_work=NO_PRODUCTS)

    def test_large_logits(self, hw, throughput):
        require_package("triton")
        throughput.verify("attention_triton", PEAKED, own_work=NO_PRODUCTS)


@pytest.mark.task("attention_triton_speed")
class TestAttentionTritonSpeedHidden:
    def test_of_odd_lengths(self, hw, throughput):
        cases = [case.with_dtype("float16", "contiguous") for case in ODD]
        throughput.measure("attention_triton", cases, curve=(0.25, 0.8), device="cuda", own_work=NO_PRODUCTS)
